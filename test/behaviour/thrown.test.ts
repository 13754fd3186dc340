/** Whatever the author's code throws is a failure of its call, and of nothing else. */
import { expect, test } from "vitest";
import { flow, sleep, task } from "../../sdk/index.ts";
import { inEachWorld } from "./worlds.ts";

const no = (): never => {
  throw new Error("touched");
};
function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}
const THROWN: Readonly<Record<string, () => unknown>> = {
  "an error whose name throws": () => Object.defineProperty(new Error("nameless"), "name", { get: no }),
  "an object whose name throws": () => Object.defineProperty({ a: 1 }, "name", { get: no, enumerable: true }),
  "a Proxy that throws": () => new Proxy({}, { get: no, has: no, getPrototypeOf: no, ownKeys: no, getOwnPropertyDescriptor: no }),
  "a revoked Proxy": revoked,
  "an object without words": () => ({ toString: 1 }),
  "an object without a prototype": () => Object.create(null) as unknown,
};

inEachWorld("what cannot be looked at", (world) => {
  test.each(Object.keys(THROWN))("%s, thrown by a task, a map's item or the flow, kept the run open for ever", async (what) => {
    await using w = await world({ warmRuns: 0 });
    const thrown = THROWN[what] as () => unknown;
    let tries = 0;
    const throws = task({ name: `throws ${what}`, retries: 1 }, async (_: number) => {
      tries++;
      throw thrown();
    });
    const calls = flow({ name: `calls ${what}` }, async () => {
      const states = [await throws(1).state(), ...(await throws.withOptions({ toleratedFailures: 1 }).map([1]).states())];
      await throws.map([1]).catch(() => {});
      return states.map(({ type }) => type);
    });
    expect(await (await w.client.run(calls)).result()).toEqual(["FAILED", "FAILED"]);
    expect(tries).toBe(6);

    const itself = flow({ name: `is ${what}`, retries: 1 }, async () => {
      await sleep(1);
      throw thrown();
    });
    const stray = flow({ name: `leaves ${what}` }, async () => {
      void Promise.reject(thrown());
      await sleep(1);
    });
    const [one, other] = [await w.client.run(itself), await w.client.run(stray)];
    await w.advance("1 minute");
    expect(await one.state()).toMatchObject({ type: "FAILED" });
    await expect(other.result()).rejects.toThrow("WH1406");
    expect(w.errors).toEqual([]);
  });
});
