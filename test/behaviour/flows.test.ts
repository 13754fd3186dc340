import { expect, test } from "vitest";
import * as z from "zod";
import { artifact, continueAsNew, emit, flow, log, pause, runContext, runInput, sleep, sleepUntil, task, variable, waitForInput } from "../../sdk/index.ts";
import { inEachWorld, START } from "./worlds.ts";

const echo = task({ name: "echo" }, async (value: number) => value);
const say = task({ name: "say" }, async (value: string) => value);
const Approval = runInput({ name: "approval", schema: z.object({ approved: z.boolean(), note: z.string().default("") }) });

inEachWorld("flows", (world) => {
  test("parameters are checked before anything runs, and defaults are filled in", async () => {
    await using w = await world();
    let ran = 0;
    const greet = flow({ name: "greet", parameters: z.object({ name: z.string(), times: z.number().default(2) }) }, async ({ name, times }) => {
      ran++;
      return name.repeat(times);
    });
    expect(await (await w.client.run(greet, { name: "a" })).result()).toBe("aa");
    const bad = await w.client.run(greet, { name: 3 } as never);
    await expect(bad.result()).rejects.toThrow(/WH1101.*name: /);
    expect((await bad.state()).type).toBe("FAILED");
    expect(ran).toBe(1);
    const none = flow({ name: "takes-nothing" }, async () => 1);
    await expect((await w.client.run(none, { x: 1 } as never)).result()).rejects.toThrow("WH2005");
  });

  test("native combinators work: all, race, any, allSettled, try, loops, recursion", async () => {
    await using w = await world();
    const fail = task({ name: "fail" }, async (): Promise<string> => {
      throw new Error("no");
    });
    const natives = flow({ name: "natives" }, async () => {
      const all = await Promise.all([echo(1), echo(2)]);
      const race = await Promise.race([say("fast"), sleep("1 hour").then(() => "slow")]);
      const any = await Promise.any([fail(), say("any")]);
      const settled = (await Promise.allSettled([fail(), echo(3)])).map((s) => s.status);
      let caught = "";
      try {
        await fail();
      } catch (error) {
        caught = (error as Error).message;
      }
      const fib = async (n: number): Promise<number> => (n < 2 ? echo(n) : (await fib(n - 1)) + (await fib(n - 2)));
      return { all, race, any, settled, caught, fib: await fib(6) };
    });
    expect(await (await w.client.run(natives)).result()).toEqual({
      all: [1, 2],
      race: "fast",
      any: "any",
      settled: ["rejected", "fulfilled"],
      caught: "no",
      fib: 8,
    });
  });

  test("a subflow is a run of its own, with its result and its failure", async () => {
    await using w = await world();
    const child = flow({ name: "child", parameters: z.object({ n: z.number() }) }, async ({ n }) => {
      if (n < 0) throw new RangeError("negative");
      return (await echo(n)) * 2;
    });
    const parent = flow({ name: "parent" }, async () => {
      const good = await child({ n: 4 });
      const bad = await child({ n: -1 }).state();
      return [good, bad.type, bad.type === "FAILED" && bad.error instanceof RangeError];
    });
    const run = await w.client.run(parent);
    expect(await run.result()).toEqual([8, "FAILED", true]);
    const { runs } = await w.client.runs({ flow: "child" });
    expect(runs).toHaveLength(2);
  });

  test("flow retries run the function again and take over what completed", async () => {
    await using w = await world();
    let expensive = 0;
    let tries = 0;
    const work = task({ name: "expensive" }, async () => ++expensive);
    const shaky = task({ name: "shaky" }, async () => {
      if (++tries < 3) throw new Error("down");
      return tries;
    });
    const f = flow({ name: "flow-retries", retries: 2, retryDelaySeconds: 60 }, async () => [await work(), await shaky()]);
    const run = await w.client.run(f);
    await w.settled();
    expect(await run.state()).toMatchObject({ type: "SCHEDULED", name: "AwaitingRetry" });
    await w.advance("10 minutes");
    expect(await run.result()).toEqual([1, 3]);
  });

  test("sleeps are durable: a killed process loses nothing, and time that passed counts", async () => {
    let w = await world();
    const f = flow({ name: "sleeper" }, async () => {
      const before = Date.now();
      await sleep("3 days");
      await sleepUntil(new Date(Date.now() + 1000));
      return Date.now() - before;
    });
    const run = await w.client.run(f);
    await w.advance("1 day");
    expect(await run.state()).toMatchObject({ type: "PAUSED", name: "Suspended", reason: { code: "sleep" } });
    w = await w.restart();
    await w.advance("3 days");
    expect(await w.client.get<number>(run.id).result()).toBe(3 * 86_400_000 + 1000);
    await w[Symbol.asyncDispose]();
  });

  test("inputs: taken when they come, buffered when early, refused when they do not fit, null after the timeout", async () => {
    await using w = await world();
    const f = flow({ name: "asks" }, async () => {
      const first = await waitForInput(Approval);
      const second = await waitForInput(Approval, { timeout: "1 hour" });
      const third = await waitForInput(Approval, { timeout: "1 hour" });
      return [first.note, second?.note, third];
    });
    const run = await w.client.run(f);
    await w.settled();
    expect(await run.state()).toMatchObject({ type: "PAUSED", reason: { code: "input" } });
    await expect(run.input(Approval, { approved: "yes" } as never)).rejects.toThrow(/WH1106.*approved/);
    await run.input(Approval, { approved: true, note: "one" });
    await run.input(Approval, { approved: true } as never);
    await w.advance("2 hours");
    expect(await run.result()).toEqual(["one", "", null]);
    await expect(run.input(Approval, { approved: true, note: "" })).rejects.toThrow("WH2004");
  });

  test("pause() waits for resume; a run that somebody paused starts nothing new", async () => {
    await using w = await world();
    const asks = flow({ name: "pauses" }, async () => {
      await pause();
      return "resumed";
    });
    const first = await w.client.run(asks);
    await w.settled();
    await first.resume();
    expect(await first.result()).toBe("resumed");

    let ran = 0;
    const step = task({ name: "counted" }, async () => ++ran);
    const f = flow({ name: "paused-by-hand" }, async () => {
      await sleep("1 minute");
      return step();
    });
    const run = await w.client.run(f);
    await w.settled();
    await run.pause();
    await w.advance("1 hour");
    expect([ran, (await run.state()).type]).toEqual([0, "PAUSED"]);
    await run.resume();
    expect(await run.result()).toBe(1);
  });

  test("hooks run for tasks and flows, with the state that they are about", async () => {
    await using w = await world();
    const seen: string[] = [];
    const hook = (name: string) => (context: { name: string; state: { type: string } }) => void seen.push(`${name} ${context.name} ${context.state.type}`);
    const good = task({ name: "good", onCompletion: [hook("completion")], onRunning: [hook("running")] }, async () => 1);
    const bad = task({ name: "bad-hooked", onFailure: [hook("failure")] }, async () => {
      throw new Error("x");
    });
    const f = flow({ name: "hooked", onCompletion: [hook("flow")], onFailure: [hook("flow")] }, async () => {
      await good();
      await bad().state();
    });
    await (await w.client.run(f)).result();
    expect(seen.sort()).toEqual(["completion good COMPLETED", "failure bad-hooked FAILED", "flow hooked COMPLETED", "running good RUNNING"]);
  });

  test("log lines, artifacts, events and variables", async () => {
    await using w = await world({ warmRuns: 0 });
    await w.client.setVariable("greeting", { text: "hello" });
    const speak = task({ name: "speak" }, async () => {
      log.info("in a task", { n: 1 });
      await artifact.table("rows", [{ a: 1 }]);
    });
    const f = flow({ name: "speaks" }, async () => {
      log.info("before");
      await speak();
      log.warn("after");
      await artifact.markdown("report", "# Done");
      await emit({ type: "spoken", detail: { ok: true } });
      return [await variable<{ text: string }>("greeting"), await variable("missing", "fallback")];
    });
    const run = await w.client.run(f);
    expect(await run.result()).toEqual([{ text: "hello" }, "fallback"]);
    await w.settled();
    const lines = await w.client.ports.logs.read(run.id);
    expect(lines.map((line) => line.message).sort()).toEqual(["after", "before", "in a task"]);
    expect((await w.client.ports.index.artifacts(run.id)).map((row) => row.key).sort()).toEqual(["report", "rows"]);
  });

  test("continueAsNew goes on as another run, and whoever waits gets the last result", async () => {
    await using w = await world();
    const f = flow({ name: "counts-up", parameters: z.object({ n: z.number() }) }, async ({ n }): Promise<number> => {
      await sleep("1 minute");
      if (n < 3) continueAsNew({ n: n + 1 });
      return n;
    });
    const parent = flow({ name: "waits-for-last" }, async () => f({ n: 1 }));
    const run = await w.client.run(parent);
    await w.advance("10 minutes");
    expect(await run.result()).toBe(3);
    expect((await w.client.runs({ flow: "counts-up" })).runs).toHaveLength(3);
  });

  test("retry takes over what completed; rerunFrom starts from a call, with an edited result", async () => {
    await using w = await world();
    let extracts = 0;
    let broken = true;
    const extract = task({ name: "extract" }, async () => ++extracts);
    const load = task({ name: "load" }, async (n: number) => {
      if (broken) throw new Error("disk");
      return n * 10;
    });
    const f = flow({ name: "fixes-itself" }, async () => load(await extract()));
    const run = await w.client.run(f);
    await expect(run.result()).rejects.toThrow("disk");
    broken = false;
    const second = await run.retry();
    expect(await second.result()).toBe(10);
    expect(extracts).toBe(1);
    const third = await second.rerunFrom("extract-0", { result: 7 });
    expect(await third.result()).toBe(70);
    const fourth = await second.rerunFrom("extract-0");
    expect(await fourth.result()).toBe(20);
    await expect(second.rerunFrom("nothing-0")).rejects.toThrow("WH2006");
  });

  test("the same idempotency key gives the same run", async () => {
    await using w = await world();
    let ran = 0;
    const once = task({ name: "once" }, async () => ++ran);
    const f = flow({ name: "idempotent" }, async () => once());
    const [a, b] = await Promise.all([w.client.run(f, {}, { idempotencyKey: "k" }), w.client.run(f, {}, { idempotencyKey: "k" })]);
    expect(a.id).toBe(b.id);
    await a.result();
    await w.settled();
    expect(ran).toBe(1);
  });

  test("a run for later waits for its time, and can be cancelled before", async () => {
    await using w = await world();
    const f = flow({ name: "later" }, async () => runContext().scheduledTime?.getTime());
    const run = await w.client.run(f, {}, { scheduledTime: new Date(START + 3_600_000) });
    await w.settled();
    expect(await run.state()).toMatchObject({ type: "SCHEDULED" });
    const other = await w.client.run(f, {}, { scheduledTime: new Date(START + 3_600_000) });
    await other.cancel();
    await w.advance("2 hours");
    expect(await run.result()).toBe(START + 3_600_000);
    expect((await other.state()).type).toBe("CANCELLED");
  });

  test("too many calls end the run with WH1301, recursion without end with WH1302", async () => {
    await using w = await world();
    const endless = flow({ name: "endless" }, async (): Promise<never> => {
      for (;;) void echo(1);
    });
    await expect((await w.client.run(endless)).result()).rejects.toThrow("WH1301");
    const deep: ReturnType<typeof flow<unknown>> = flow({ name: "deep" }, async (): Promise<unknown> => deep());
    await expect((await w.client.run(deep)).result()).rejects.toThrow("WH1302");
  });

  test("a flow that calls a task or a flow whose name finds another definition is refused, before the other one runs", async () => {
    await using w = await world();
    const first = task({ name: "shadowed" }, async (n: number) => n);
    const ran: string[] = [];
    task({ name: "shadowed" }, async () => void ran.push("second"));
    const inner = flow({ name: "shadowed" }, async () => 1);
    flow({ name: "shadowed" }, async () => void ran.push("second flow"));
    for (const call of [() => first(1), () => first.map([1]), () => inner()]) {
      const f = flow({ name: "calls-shadowed" }, async () => call());
      await expect((await w.client.run(f)).result()).rejects.toThrow("WH1002");
    }
    expect(ran).toEqual([]);
  });
});
