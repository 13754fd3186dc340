/** What is too large for where it is kept, or sent: artifacts and events, of flows and of tasks. */
import { expect, test, vi } from "vitest";
import * as z from "zod";
import { artifact, emit, flow, task } from "../../sdk/index.ts";
import { inEachWorld } from "./worlds.ts";

inEachWorld("sizes", (world) => {
  test("what a task leaves or emits is kept in the result store where it is large: a row of DynamoDB has no room for it", async () => {
    await using w = await world();
    const emitted = vi.spyOn(w.client.ports.events, "emit");
    const large = "x".repeat(500_000);
    const both = async (where: string): Promise<void> => {
      await artifact.markdown(`large in ${where}`, large);
      await artifact.markdown(`small in ${where}`, "small");
      await emit({ type: "leaves", detail: large });
    };
    const leave = task({ name: "leave" }, async () => both("a task"));
    const f = flow({ name: "leaves" }, async () => {
      await leave();
      await both("the flow");
    });
    const run = await w.client.run(f);
    await run.result();
    await w.settled();
    const { index, results } = w.client.ports;
    const rows = (await index.artifacts(run.id)).map(({ key, data }) => [key, data] as const).sort(([a], [b]) => (a < b ? -1 : 1));
    const ref = { ref: expect.any(String), chars: large.length + 2 };
    const small = JSON.stringify("small");
    expect(rows).toEqual([
      ["large in a task", ref],
      ["large in the flow", ref],
      ["small in a task", small],
      ["small in the flow", small],
    ]);
    for (const [, data] of rows.slice(0, 2)) expect(await results.get((data as { readonly ref: string }).ref)).toBe(JSON.stringify(large));
    expect(emitted.mock.calls.map(([{ detail }]) => detail)).toEqual([ref, ref]);
  });

  test("an event's type that EventBridge does not take is refused where it is emitted, and not tried for ever", async () => {
    await using w = await world();
    const emits = (length: number) => emit({ type: "t".repeat(length) });
    const some = task({ name: "emits" }, async (length: number) => emits(length));
    const f = flow({ name: "emits-both", parameters: z.object({ inTask: z.boolean(), length: z.number() }) }, async ({ inTask, length }) =>
      inTask ? some(length) : emits(length),
    );
    for (const inTask of [true, false]) {
      await (await w.client.run(f, { inTask, length: 128 })).result();
      await expect((await w.client.run(f, { inTask, length: 129 })).result()).rejects.toMatchObject({ code: "WH1003", got: "129 characters" });
    }
  });
});
