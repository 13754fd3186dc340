/** What the memory backend promises beyond the ports: one world on virtual time, the same every time, which outlives its processes. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createMemoryBackend, type MemoryBackend } from "../../adapters/memory/backend.ts";
import { VirtualClock } from "../../adapters/memory/clock.ts";
import { createSignal } from "../../adapters/memory/signals.ts";
import { returnInHand } from "../../adapters/memory/state.ts";
import { entry, logLine, message, NOON, taskMessage } from "./samples.ts";

const settled = async (promise: Promise<unknown>): Promise<boolean> => {
  let done = false;
  void promise.then(() => {
    done = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  return done;
};

describe("the same seed", () => {
  /** A small life, and all that can be seen of it. */
  async function story(seed: number): Promise<unknown> {
    const backend = createMemoryBackend({ now: NOON, seed });
    const { mailbox, inbox, tasks, timers, clock, random } = backend.ports;
    const seen: unknown[] = [random.id(), random.fraction()];
    for (const actor of ["run:a", "run:b"]) await mailbox.send(actor, message(random.id()));
    await tasks.enqueue("default", taskMessage(random.id()));
    await timers.set("run:c", "t", clock.now() + Math.floor(random.fraction() * 10_000), message(random.id()));
    seen.push(await inbox.receive(10), await tasks.receive("default", 1));
    await backend.close();
    const next = createMemoryBackend({ state: backend.state });
    await next.advance(20_000);
    for (let batch = await next.ports.inbox.receive(10); batch.length > 0; batch = await next.ports.inbox.receive(10)) seen.push(batch);
    return [...seen, next.ports.clock.now(), next.ports.random.id()];
  }

  test("gives the same world, down to identifiers and receipts", async () => {
    expect(await story(7)).toEqual(await story(7));
  });

  test("is the only one that does", async () => {
    expect(await story(7)).not.toEqual(await story(8));
    expect(await story(1)).not.toEqual(await story(1 + 2 ** 32));
  });
});

describe("a process that ends", () => {
  test("is refused whatever it still tries, and changes nothing", async () => {
    const dead = createMemoryBackend();
    await dead.close();
    await dead.close();
    const { log, mailbox, inbox, tasks, aborts, timers, results, index, registry, secrets, logs, events } = dead.ports;
    const tries: readonly Promise<unknown>[] = [
      log.append(entry("run:a", 1)),
      log.tail("run:a"),
      mailbox.send("run:a", message("1")),
      inbox.receive(1),
      tasks.enqueue("default", taskMessage("1")),
      aborts.mark("run:a", "all"),
      timers.set("run:a", "t", 0, message("1")),
      results.put("x"),
      index.run("r1"),
      registry.list("variable"),
      secrets.put("a", "b"),
      logs.read("r1"),
      events.emit({ id: "1", type: "t", run: "r1", at: 0, detail: "" }),
    ];
    for (const each of tries) await expect(each).rejects.toMatchObject({ code: "WH3008" });
    const next = createMemoryBackend({ state: dead.state });
    expect(await next.ports.log.tail("run:a")).toBeNull();
    expect(await next.ports.inbox.receive(1)).toEqual([]);
    expect(await next.ports.aborts.marked("run:a", "c-0")).toBe(false);
  });

  test("waits for ever, and its watches never fire", async () => {
    const dead = createMemoryBackend();
    const waiting = dead.ports.clock.wait(100);
    let fired = 0;
    dead.ports.aborts.watch("run:a", "c-0", () => fired++);
    await dead.close();
    dead.ports.aborts.watch("run:a", "c-0", () => fired++);
    const next = createMemoryBackend({ state: dead.state });
    await next.ports.aborts.mark("run:a", "all");
    await next.advance(1_000);
    expect(await settled(waiting)).toBe(false);
    expect(fired).toBe(0);
    expect(next.state.clock.next()).toBeNull();
  });

  test("gives back what it has in hand and leaves alone what others have", async () => {
    const first = createMemoryBackend();
    const second = createMemoryBackend({ state: first.state, inHand: "kept" });
    for (const actor of ["run:a", "run:b"]) await first.ports.mailbox.send(actor, message(actor));
    for (const id of ["1", "2"]) await first.ports.tasks.enqueue("default", taskMessage(id));
    await first.ports.inbox.receive(1);
    await first.ports.tasks.receive("default", 1);
    await second.ports.inbox.receive(1);
    await second.ports.tasks.receive("default", 1);
    await first.close();
    expect((await second.ports.inbox.receive(1)).map((each) => [each.actor, each.receives])).toEqual([["run:a", 2]]);
    expect((await second.ports.tasks.receive("default", 9)).map((each) => [each.message.id, each.receives])).toEqual([["1", 2]]);
    expect(await second.ports.inbox.receive(1)).toEqual([]);
  });

  test("one that is only taken for dead goes on, but cannot acknowledge or release what its successor has", async () => {
    const slow = createMemoryBackend();
    await slow.ports.mailbox.send("run:a", message("1"));
    await slow.ports.tasks.enqueue("default", taskMessage("1"));
    const mail = await slow.ports.inbox.receive(1);
    const task = await slow.ports.tasks.receive("default", 1);
    returnInHand(slow.state);
    const quick = createMemoryBackend({ state: slow.state, inHand: "kept" });
    const again = await quick.ports.inbox.receive(1);
    const taskAgain = await quick.ports.tasks.receive("default", 1);
    await slow.ports.mailbox.acknowledge(mail);
    await slow.ports.inbox.release(mail);
    await slow.ports.tasks.acknowledge(task);
    await slow.ports.tasks.release(task);
    expect(await slow.ports.inbox.receive(1)).toEqual([]);
    expect(await slow.ports.tasks.receive("default", 1)).toEqual([]);
    await quick.ports.inbox.release(again);
    await quick.ports.tasks.release(taskAgain);
    expect((await slow.ports.inbox.receive(1)).map((each) => each.receives)).toEqual([3]);
    expect((await slow.ports.tasks.receive("default", 1)).map((each) => each.receives)).toEqual([2]);
  });
});

describe("virtual time", () => {
  test("begins where it is told and stands still by itself", async () => {
    const backend = createMemoryBackend({ now: 5_000 });
    await new Promise((resolve) => setImmediate(resolve));
    expect(backend.ports.clock.now()).toBe(5_000);
    await backend.advance(250);
    expect(backend.ports.clock.now()).toBe(5_250);
    await backend.advance(-10);
    expect(backend.ports.clock.now()).toBe(5_250);
  });

  test("everything happens at its own moment, and what it causes comes before the next", async () => {
    const clock = new VirtualClock(0);
    const seen: string[] = [];
    for (const at of [300, 100, 200]) {
      clock.alarm(at, () => {
        void (async () => {
          await Promise.resolve();
          seen.push(`${clock.now()}: due at ${at}`);
          clock.alarm(clock.now() + 50, () => seen.push(`${clock.now()}: after ${at}`));
        })();
      });
    }
    await clock.advance(320);
    expect(seen).toEqual(["100: due at 100", "150: after 100", "200: due at 200", "250: after 200", "300: due at 300"]);
    expect([clock.now(), clock.next()]).toEqual([320, 350]);
  });

  test("two advances at once add up", async () => {
    const clock = new VirtualClock(0);
    await Promise.all([clock.advance(100), clock.advance(50)]);
    expect(clock.now()).toBe(150);
  });

  test("alarms that are called off never go off, and many of them do not pile up", async () => {
    const clock = new VirtualClock(0);
    let rung = 0;
    for (let i = 0; i < 10_000; i++) clock.alarm(1_000_000 + i, () => rung++)();
    expect(clock.next()).toBeNull();
    await clock.advance(2_000_000);
    expect(rung).toBe(0);
  });

  test("alarms go off by time and then by the order in which they were set, whichever are called off", async () => {
    const plan = fc.array(fc.record({ at: fc.nat(20), calledOff: fc.boolean() }), { maxLength: 200 });
    await fc.assert(
      fc.asyncProperty(plan, async (alarms) => {
        const clock = new VirtualClock(0);
        const rung: number[] = [];
        const callOffs = alarms.map(({ at }, i) => clock.alarm(at, () => rung.push(i)));
        for (const [i, callOff] of callOffs.entries()) if (alarms[i]?.calledOff) callOff();
        await clock.advance(100, async () => {});
        const kept = [...alarms.keys()].filter((i) => !alarms[i]?.calledOff);
        expect(rung).toEqual(kept.toSorted((a, b) => (alarms[a]?.at ?? 0) - (alarms[b]?.at ?? 0) || a - b));
      }),
      { numRuns: 200 },
    );
  });

  test("a timer whose time is past needs no time to fire", async () => {
    const { timers, inbox, clock } = createMemoryBackend().ports;
    await timers.set("run:a", "t", clock.now(), message("t"));
    expect((await inbox.receive(1)).map((each) => each.message.id)).toEqual(["t"]);
  });

  test("log lines of one moment, of which virtual time has many, stay in the order in which they were written", async () => {
    const { logs } = createMemoryBackend().ports;
    for (const id of ["z", "a", "m"]) await logs.write([logLine("r1", id)]);
    expect((await logs.read("r1")).map((line) => line.id)).toEqual(["z", "a", "m"]);
  });

  test("timers belong to the world: one fires while nobody lives", async () => {
    const dead = createMemoryBackend();
    await dead.ports.timers.set("run:a", "t", dead.ports.clock.now() + 1_000, message("t"));
    await dead.close();
    await dead.advance(2_000);
    const next = createMemoryBackend({ state: dead.state });
    expect((await next.ports.inbox.receive(1)).map((each) => each.message.id)).toEqual(["t"]);
  });
});

describe("signals", () => {
  /** A pump as simple as can be: it looks, and waits for the signal when there is nothing. */
  async function pump(backend: MemoryBackend, handled: string[]): Promise<never> {
    for (;;) {
      const batch = await backend.ports.inbox.receive(10);
      handled.push(...batch.map((each) => `${each.message.id}/${each.receives}`));
      await backend.ports.mailbox.acknowledge(batch);
      if (batch.length === 0) await backend.signals.mail.wait();
    }
  }

  test("a pump that waits for the signal handles all mail: sent, fired, and left by one who died", async () => {
    const first = createMemoryBackend();
    await first.ports.mailbox.send("run:a", message("in hand"));
    await first.ports.inbox.receive(1);
    const second = createMemoryBackend({ state: first.state, inHand: "kept" });
    const handled: string[] = [];
    void pump(second, handled);
    await second.advance(0);
    await first.ports.mailbox.send("run:b", message("sent"));
    await second.advance(0);
    await first.ports.timers.set("run:c", "t", first.ports.clock.now() + 100, message("fired"));
    await second.advance(100);
    await first.close();
    await second.advance(0);
    expect(handled).toEqual(["sent/1", "fired/1", "in hand/2"]);
  });

  test("tasks are announced when they are enqueued, released, and left by one who died", async () => {
    const first = createMemoryBackend();
    const second = createMemoryBackend({ state: first.state, inHand: "kept" });
    await second.signals.tasks.wait();
    for (const cause of [
      () => first.ports.tasks.enqueue("default", taskMessage("1")),
      async () => first.ports.tasks.release(await first.ports.tasks.receive("default", 1)),
    ]) {
      const told = second.signals.tasks.wait();
      await cause();
      expect(await settled(told)).toBe(true);
    }
    await first.ports.tasks.receive("default", 1);
    const told = second.signals.tasks.wait();
    expect(await settled(told)).toBe(false);
    await first.close();
    expect(await settled(told)).toBe(true);
  });

  test("a raise that nobody waits for is kept once, and one that several wait for tells all", async () => {
    const signal = createSignal();
    signal.raise();
    signal.raise();
    expect(await settled(signal.wait())).toBe(true);
    const both = [signal.wait(), signal.wait()];
    expect(await settled(Promise.race(both))).toBe(false);
    signal.raise();
    expect(await settled(Promise.all(both))).toBe(true);
    expect(await settled(signal.wait())).toBe(false);
  });
});
