/** What a log says of a run: how each call came out, and by what its results are the ones that the run used. */
import { decode } from "../../../engine/codec.ts";
import type { Entry, Payload, RunEvent } from "../../../engine/events.ts";
import { runActor } from "../../../engine/messages.ts";
import type { Ports } from "../../../engine/ports.ts";

export interface RunFacts {
  /** Calls in the order in which they came to an end. Once each, if all is well. */
  readonly settled: readonly string[];
  /** Items of maps, `call/index`. Once each, if all is well. */
  readonly items: readonly string[];
  readonly values: readonly unknown[];
  readonly ends: number;
}

export async function runFacts({ log, results }: Pick<Ports, "log" | "results">, run: string): Promise<RunFacts> {
  const read = async (value: Payload | undefined): Promise<unknown> =>
    value === undefined ? undefined : decode(typeof value === "string" ? value : await results.get(value.ref));
  const [settled, items, values]: [string[], string[], unknown[]] = [[], [], []];
  let ends = 0;
  for (const { events } of (await log.read(runActor(run))) as readonly Entry[])
    for (const event of events as readonly RunEvent[]) {
      if (event.type === "ended") ends++;
      if (event.type === "settled") {
        settled.push(event.call);
        if (event.ok) values.push(await read(event.value));
      }
      if (event.type === "items") {
        const { piece, again = [] } = event;
        const indices = piece.only ?? Array.from({ length: piece.to - piece.from }, (_, i) => piece.from + i);
        items.push(...indices.filter((index) => !again.includes(index)).map((index) => `${event.call}/${index}`));
        values.push(await read(event.value));
      }
    }
  return { settled, items, values, ends };
}
