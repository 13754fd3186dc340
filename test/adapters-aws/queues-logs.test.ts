/** Where log lines are written, how they are looked for, and that they are found in whatever Lambda makes of them. */
import {
  CloudWatchLogsClient,
  CreateLogStreamCommand,
  FilterLogEventsCommand,
  type FilterLogEventsCommandInput,
  PutLogEventsCommand,
} from "@aws-sdk/client-cloudwatch-logs";
import { mockClient } from "aws-sdk-client-mock";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { readLine, writeLine } from "../../adapters/aws/log-format.ts";
import { createLogs } from "../../adapters/aws/logs.ts";
import { AWKWARD, logLine, NOON } from "../contract/samples.ts";
import { refusal } from "./parts.ts";
import { hastyParts } from "./queues-parts.ts";

const cloud = mockClient(CloudWatchLogsClient);
beforeEach(() => {
  cloud.reset();
  cloud.on(CreateLogStreamCommand).resolves({});
  cloud.on(PutLogEventsCommand).resolves({});
  cloud.on(FilterLogEventsCommand).resolves({});
});
const asked = (): FilterLogEventsCommandInput[] => cloud.commandCalls(FilterLogEventsCommand).map((call) => call.args[0].input);
const put = () => cloud.commandCalls(PutLogEventsCommand).map((call) => call.args[0].input);

describe("writing", () => {
  test("in a function prints one line of JSON each, and asks AWS for nothing", async () => {
    const printed: string[] = [];
    for (const role of ["orchestrator", "executor"] as const) {
      const logs = createLogs({ ...hastyParts({ role }), print: (text) => printed.push(text) });
      await logs.write([logLine("r1", "a", { call: "fetch-0", fields: '{"i":1}', level: "warn", message: AWKWARD }), logLine("r1", "b")]);
    }
    expect(printed).toHaveLength(4);
    for (const text of printed) expect(text).not.toContain("\n");
    expect(JSON.parse(printed[0] as string)).toEqual({
      windhover: 1,
      timestamp: "2027-01-15T08:00:00.000Z",
      level: "WARN",
      message: AWKWARD,
      run: "r1",
      call: "fetch-0",
      at: NOON,
      id: "a",
      seq: 0,
      fields: '{"i":1}',
    });
    expect(cloud.calls()).toHaveLength(0);
  });

  test("elsewhere goes to one stream of the process's own, under the time of writing", async () => {
    const parts = hastyParts({ role: "client" });
    const logs = createLogs(parts);
    await Promise.all([logs.write([logLine("r1", "a", { at: 5 })]), logs.write([logLine("r2", "b")])]);
    await logs.write([]);
    expect(cloud.commandCalls(CreateLogStreamCommand)).toHaveLength(1);
    expect(new Set(put().map((input) => input.logStreamName)).size).toBe(1);
    expect(put().flatMap((input) => input.logEvents?.map((event) => event.timestamp))).toEqual([NOON, NOON]);
  });

  test("keeps to what a request may hold", async () => {
    const logs = createLogs(hastyParts({ role: "client" }));
    await logs.write(Array.from({ length: 10_001 }, (_, i) => logLine("r", String(i), { message: "" })));
    await logs.write(Array.from({ length: 12 }, (_, i) => logLine("r", String(i), { message: "x".repeat(100_000) })));
    for (const { logEvents = [] } of put()) {
      expect(logEvents.length).toBeLessThanOrEqual(10_000);
      expect(logEvents.reduce((sum, event) => sum + Buffer.byteLength(event.message ?? "") + 26, 0)).toBeLessThanOrEqual(1_048_576);
    }
  });

  test("that fails says so, and tries a stream anew the next time", async () => {
    const logs = createLogs(hastyParts({ role: "client" }));
    cloud.on(CreateLogStreamCommand).rejectsOnce(refusal("AccessDeniedException")).resolves({});
    await expect(logs.write([logLine("r", "a")])).rejects.toMatchObject({ code: "WH3103" });
    await logs.write([logLine("r", "a")]);
    expect(put()).toHaveLength(1);
  });
});

describe("a line", () => {
  test("is the same when it is read, in whatever Lambda wraps it", () => {
    const line = fc.record(
      {
        id: fc.string(),
        run: fc.string(),
        call: fc.string(),
        at: fc.integer(),
        level: fc.constantFrom("debug", "info", "warn", "error"),
        message: fc.string({ unit: "binary" }),
        fields: fc.json(),
      },
      { requiredKeys: ["id", "run", "at", "level", "message"] },
    );
    fc.assert(
      fc.property(line, fc.nat(), (each, seq) => {
        const text = writeLine(each, seq);
        const wrapped = [
          text,
          `${text}\n`,
          JSON.stringify({ timestamp: "…", level: "INFO", requestId: "r", message: text }),
          JSON.stringify({ timestamp: "…", level: "INFO", requestId: "r", message: JSON.parse(text) }),
          `2026-11-22T02:00:00.000Z\tc0ffee\tINFO\t${text}`,
        ];
        for (const form of wrapped) expect(readLine(form)).toEqual({ line: each, seq });
      }),
    );
  });

  test("is told from other text", () => {
    for (const text of ["", "START RequestId: c0ffee", "{", "{}", "null", '{"message":"{"}', '{"message":{"message":7}}', '{"windhover":2,"id":"a","run":"r"}'])
      expect(readLine(text)).toBeNull();
  });

  test("that is too long for an event is cut, and says by how much", () => {
    for (const character of ["x", "ż", "\u0000"]) {
      const text = writeLine(logLine("r", "a", { message: character.repeat(1_000_000) }), 0);
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(200 * 1024);
      expect(readLine(text)?.line.message).toMatch(/… \(\d+ characters more\)$/);
    }
  });
});

describe("reading", () => {
  const event = (id: string, at: number, more: { timestamp?: number; run?: string; seq?: number } = {}) => ({
    timestamp: more.timestamp ?? NOON,
    message: writeLine(logLine(more.run ?? "quick-heron", id, { at }), more.seq ?? 0),
  });

  test("asks for the run's id in quotes, from its creation on, page after page", async () => {
    cloud.on(FilterLogEventsCommand).resolvesOnce({ nextToken: "more" }).resolves({});
    await createLogs({ ...hastyParts(), createdAt: async () => NOON }).read("quick-heron");
    expect(asked()).toEqual([
      { logGroupName: "/flows", filterPattern: '"quick-heron"', startTime: NOON - 600_000 },
      { logGroupName: "/flows", filterPattern: '"quick-heron"', startTime: NOON - 600_000, nextToken: "more" },
    ]);
  });

  test("asks for all lines where a run's id looks otherwise in JSON, and for the last hour where nothing is known of the run", async () => {
    await createLogs({ ...hastyParts(), createdAt: async () => undefined }).read('odd "one"');
    expect(asked()).toEqual([{ logGroupName: "/flows", startTime: NOON - 4_200_000 }]);
  });

  test("takes what only mentions the run for another's, and what came twice for one, and keeps the order of time, then of writing", async () => {
    cloud.on(FilterLogEventsCommand).resolves({
      events: [
        event("c", 7, { timestamp: 3, seq: 1 }),
        event("x", 1, { run: "other quick-heron" }),
        event("a", 7, { timestamp: 2, seq: 2 }),
        event("b", 7, { timestamp: 3, seq: 0 }),
        event("early", 5, { timestamp: 9 }),
        event("c", 7, { timestamp: 9 }),
        { timestamp: 1, message: "REPORT RequestId: quick-heron" },
      ],
    });
    const lines = await createLogs(hastyParts()).read("quick-heron");
    expect(lines.map((line) => line.id)).toEqual(["early", "a", "b", "c"]);
  });

  test("asks for a page that it knows no more, and for the newest lines only after that", async () => {
    cloud
      .on(FilterLogEventsCommand)
      .resolvesOnce({ events: Array.from({ length: 10 }, (_, i) => event(`l-${i}`, i)) })
      .resolves({});
    const logs = createLogs(hastyParts());
    const first = await logs.read("quick-heron", { limit: 4 });
    expect((await logs.read("quick-heron", { limit: 4, after: first.at(-1)?.id as string })).map((line) => line.id)).toEqual(["l-4", "l-5", "l-6", "l-7"]);
    expect(asked()).toHaveLength(1);
    expect(await logs.read("quick-heron", { limit: 4, after: "l-7" })).toHaveLength(2);
    expect(asked()[1]?.startTime).toBe(NOON - 120_000);
  });

  test("of a group that is not there finds nothing; to be denied is an error", async () => {
    cloud.on(FilterLogEventsCommand).rejectsOnce(refusal("ResourceNotFoundException")).rejects(refusal("AccessDeniedException"));
    expect(await createLogs(hastyParts()).read("r1")).toEqual([]);
    await expect(createLogs(hastyParts()).read("r1")).rejects.toMatchObject({ code: "WH3103" });
  });
});
