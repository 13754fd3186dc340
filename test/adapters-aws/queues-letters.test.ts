/** What lies in the queues: written, read, and told from what is not ours. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { groupOf, readMail, readTask, type TickLetter, tickMessage, writeMail, writeTask, writeTimer } from "../../adapters/aws/letters.ts";
import type { Message } from "../../engine/messages.ts";
import { AWKWARD, AWKWARD_NAME, LOOKALIKES, NOON, taskMessage } from "../contract/samples.ts";
import { memoryResults } from "./queues-parts.ts";

const input = (value: string): Message => ({ kind: "input", id: value, name: "note", value });
/** What SQS takes. Source: the API's reference of SendMessage. */
const isTaken = (body: string): boolean => /^[\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u.test(body);

describe("a letter to an actor", () => {
  test("is read as it was written, whatever is in it, and has no character that SQS refuses", async () => {
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.string({ unit: fc.constantFrom("\uffff", "\ufffe", "\u0000", "\ud800", "a") }),
      fc.constant(AWKWARD),
    );
    await fc.assert(
      fc.asyncProperty(text, text, async (actor, value) => {
        const body = await writeMail(memoryResults(), actor, input(value));
        expect(isTaken(body)).toBe(true);
        expect(await readMail(memoryResults(), body, 0)).toEqual({ kind: "message", actor, message: input(value) });
      }),
    );
  });

  test("goes to the bucket above 200 KB, and is read from there", async () => {
    const results = memoryResults();
    const small = writeMail(results, "run:a", input("x".repeat(100_000)));
    expect(small).toEqual(expect.any(String));
    const large = await writeMail(results, "run:a", input("ż".repeat(55_000)));
    expect(large).toBe('{"to":"run:a","ref":"key-0"}');
    expect(await readMail(results, large, 0)).toEqual({ kind: "message", actor: "run:a", message: input("ż".repeat(55_000)) });
  });

  test("has a group of its actor's name, or a hash where SQS would refuse that", () => {
    for (const actor of ["run:quick-heron", "limit:gpu/a~b!", "deployment:nightly"]) expect(groupOf(actor)).toBe(actor);
    const odd = ["", `run:${"x".repeat(125)}`, `limit:${AWKWARD_NAME}`, ...LOOKALIKES.filter((name) => !/^[!-~]+$/.test(name))].map(groupOf);
    expect(new Set(odd).size).toBe(odd.length);
    for (const group of odd) expect(group).toMatch(/^hash:[a-z2-7]{26}$/);
  });
});

describe("a letter to a pool", () => {
  test("holds a task or a timer, and lies in the bucket when it is large", async () => {
    for (const large of [false, true]) {
      const results = memoryResults();
      const task = { ...taskMessage("t-1"), actor: `run:${"x".repeat(large ? 300_000 : 1)}` };
      const body = await writeTask(results, task);
      expect(body.startsWith(large ? '{"ref":' : '{"task":')).toBe(true);
      expect(await readTask(results, body)).toEqual({ kind: "task", message: task });
      const timer = { actor: "run:a", at: NOON, message: input("x".repeat(large ? 300_000 : 1)) };
      expect(await readTask(results, await writeTimer(results, timer))).toEqual({ kind: "timer", timer });
      expect(results.stored.size).toBe(large ? 2 : 0);
    }
  });
});

describe("what comes from outside", () => {
  const read = (letter: object) => readMail(memoryResults(), JSON.stringify({ to: "deployment:nightly", ...letter }), NOON);

  test("a tick has the nominal time that Scheduler filled in", async () => {
    const letter = await read({ tick: { schedule: 1, nominal: "2026-11-22T02:00:00Z" } });
    const nominal = Date.parse("2026-11-22T02:00:00Z");
    expect(letter).toEqual({ kind: "tick", actor: "deployment:nightly", schedule: 1, nominal, exact: true });
    expect(await tickMessage(letter as TickLetter)).toEqual({ kind: "tick", id: `tick:1:${nominal}`, schedule: 1, nominal });
  });

  test("a tick that nobody filled in has the time of its sending, rounded down to the schedule where that is known", async () => {
    const letter = (await read({ tick: { schedule: 0, nominal: "<aws.scheduler.scheduled-time>" } })) as TickLetter;
    expect(letter).toMatchObject({ nominal: NOON, exact: false });
    expect(await tickMessage(letter)).toMatchObject({ nominal: NOON });
    const two = Date.UTC(2026, 10, 22, 2);
    for (const late of [0, 9_000, 3_600_000]) {
      const nominal = await tickMessage({ ...letter, nominal: two + late }, { kind: "cron", expression: "0 2 * * *", active: true, catchUp: "latest" });
      expect(nominal).toMatchObject({ nominal: two, id: `tick:0:${two}` });
    }
  });

  test("an event is handed on as EventBridge wrote it", async () => {
    const event = { id: "e-1", source: "aws.s3", "detail-type": "Object Created", detail: { key: AWKWARD }, time: "2026-11-22T02:00:00Z" };
    expect(await read({ event: { trigger: 2, event } })).toEqual({ kind: "event", actor: "deployment:nightly", trigger: 2, event });
  });
});

test.each([
  "",
  "hello",
  "null",
  "7",
  "[]",
  "{}",
  '{"to":"run:a"}',
  '{"to":7,"message":{"kind":"cancel","id":"c"}}',
  '{"to":"run:a","message":{"kind":"cancel"}}',
  '{"to":"deployment:a","tick":{"schedule":"0"}}',
  '{"to":"deployment:a","event":{"trigger":0,"event":{}}}',
  '{"task":{"tasks":[]}}',
  '{"timer":{"actor":"run:a","at":"soon","message":{"kind":"cancel","id":"c"}}}',
  '{"timer":{"actor":"run:a","at":1}}',
])("what is not ours is refused: %s", async (body) => {
  const results = memoryResults();
  await expect(readMail(results, body, 0)).rejects.toMatchObject({ code: "WH3110" });
  await expect(readTask(results, body)).rejects.toMatchObject({ code: "WH3110" });
});

test("what lies in the bucket under a letter's key and is not ours is refused too", async () => {
  const results = memoryResults();
  const key = await results.put('{"order":7}');
  await expect(readMail(results, `{"to":"run:a","ref":"${key}"}`, 0)).rejects.toMatchObject({ code: "WH3110" });
  await expect(readTask(results, `{"ref":"${key}"}`)).rejects.toMatchObject({ code: "WH3110" });
});
