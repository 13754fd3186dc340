import { expect, test } from "vitest";
import { flow, task, transaction } from "../../sdk/index.ts";
import { inEachWorld } from "./worlds.ts";

inEachWorld("transactions", (world) => {
  test("the rollback of a task that was given another name, or other functions, runs: for maps as well", async () => {
    await using w = await world();
    const undone: string[] = [];
    const book = task({ name: "book", onRollback: (_: string, [what]: [string]) => void undone.push(what) }, async (what: string) => what);
    const renamed = book.withOptions({ name: "book-2" });
    const variant = renamed.withOptions({ name: "book-3", onRollback: (_, [what]) => void undone.push(`${what} by another`) });
    const f = flow({ name: "takes-back-renamed" }, async () =>
      transaction(async () => {
        await renamed("flight");
        await variant("hotel");
        await renamed.map(["car"]);
        throw new Error("sold out");
      }),
    );
    const run = await w.client.run(f);
    await expect(run.result()).rejects.toThrow("sold out");
    expect(undone).toEqual(["car", "hotel by another", "flight"]);
    const rollbacks = (await w.events(run)).flatMap((e) => (e.type === "called" && e.role === "rollback" ? [e.name] : []));
    expect(rollbacks).toEqual(["book-2.rollback", "book-3.rollback", "book-2.rollback"]);
  });

  test("a rollback runs in its task's pool, within its timeout, and is tried again as often as its task says, which may be never", async () => {
    await using w = await world();
    const seen: string[] = [];
    const fails = (name: string) => () => {
      seen.push(name);
      throw new Error("not taken back");
    };
    const once = task({ name: "once", retries: 0, pool: "big", timeoutSeconds: 7, onRollback: fails("once") }, async () => 1);
    const usual = task({ name: "usual", onRollback: fails("usual") }, async () => 2);
    const f = flow({ name: "takes-back-in-a-pool" }, async () =>
      transaction(async () => {
        await once();
        await usual();
        throw new Error("no");
      }),
    );
    const run = await w.client.run(f);
    await expect(run.result()).rejects.toThrow("no");
    expect(seen).toEqual(["usual", "usual", "usual", "usual", "once"]);
    const called = (await w.events(run)).filter((e) => e.type === "called" && e.name === "once.rollback");
    expect(called).toMatchObject([{ pool: "big", timeoutSeconds: 7 }]);
    const effects = (await w.client.history(run.id)).flatMap((entry) => entry.effects);
    expect(effects.filter((effect) => effect.do === "task").map((effect) => effect.pool)).toEqual(["big", "big"]);
  });
});
