/** What is done with the handle of a timer that a flow's body has set. */
import nodeTimers from "node:timers";
import { expect, test } from "vitest";
import { flow, sleep, task } from "../../sdk/index.ts";
import { inEachWorld } from "./worlds.ts";

const echo = task({ name: "echo-of-timers" }, async (text: string) => text);

inEachWorld("a timer of a flow's body", (world) => {
  test.each([
    ["the global", (handle: NodeJS.Immediate) => clearImmediate(handle)],
    ["node:timers'", (handle: NodeJS.Immediate) => nodeTimers.clearImmediate(handle)],
    ["its own", (handle: NodeJS.Immediate) => handle[Symbol.dispose]()],
  ])("clearing what setImmediate gave, by %s function, stopped the process's event loop", async (_, clear) => {
    await using w = await world();
    const seen: string[] = [];
    const f = flow({ name: "clears-an-immediate" }, async () => {
      clear(setImmediate(() => seen.push("cleared")));
      setImmediate((text: string) => seen.push(text), "kept");
      return echo("done");
    });
    expect(await (await w.client.run(f)).result()).toBe("done");
    expect(seen).toEqual(["kept"]);
    await new Promise((resolve) => setImmediate(resolve));
    const real = setImmediate(() => seen.push("real"));
    clearImmediate(real);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(seen).toEqual(["kept"]);
  });

  const body =
    (seen: string[], handles: NodeJS.Timeout[] = []) =>
    async () => {
      const after = (text: string) => setTimeout(() => seen.push(`${text} ${new Date().getMinutes()}`), 60_000);
      clearTimeout(after("cleared"));
      clearInterval(after("cleared as an interval"));
      after("closed").close();
      after("disposed of")[Symbol.dispose]();
      handles.push(after("cleared from outside"));
      const refreshed = after("refreshed");
      await sleep("30 seconds");
      refreshed.refresh();
      after("kept").unref().ref();
      await sleep("1 hour");
      return seen.length;
    };

  test("was not refreshed, closed or disposed of, and nobody outside of the body could clear it", async () => {
    await using w = await world();
    const [seen, handles]: [string[], NodeJS.Timeout[]] = [[], []];
    const run = await w.client.run(flow({ name: "handles-of-timers" }, body(seen, handles)));
    await w.settled();
    clearTimeout(handles[0]);
    await w.advance("2 hours");
    expect(await run.result()).toBe(2);
    expect(seen).toEqual(["refreshed 1", "kept 1"]);
  });

  test("fires in a run that began before all this as it did then", async () => {
    await using w = await world({ warmRuns: 0 });
    const { log } = w.runtime.host.ports;
    const append = log.append.bind(log);
    log.append = (entry) => {
      for (const event of entry.events) if (event.type === "started") (event as { flags: readonly string[] }).flags = ["nested-block"];
      return append(entry);
    };
    const run = await w.client.run(flow({ name: "handles-of-old-timers" }, () => body([])()));
    await w.advance("2 hours");
    expect(await run.result()).toBe(6);
    expect((await w.events(run)).filter(({ type }) => type === "called")).toHaveLength(9);
  });

  test("a callback of setImmediate that throws fails its run, and ends no process", async () => {
    await using w = await world();
    const f = flow({ name: "throws-in-an-immediate" }, async () => {
      setImmediate(() => {
        throw new Error("thrown in a callback");
      });
      return echo("done");
    });
    await expect((await w.client.run(f)).result()).rejects.toThrow(/WH1406.*thrown in a callback/);
  });
});
