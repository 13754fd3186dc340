/** Slots that flows share over all runs. */
import { WindhoverError } from "../engine/errors.ts";
import { NESTED_BLOCK } from "../engine/events.ts";
import { shared } from "../engine/scope.ts";
import { heldAround } from "../engine/slots.ts";
import { flowScope } from "./waits.ts";

/**
 * Runs `fn` while holding a slot of a limit, or `occupy` slots. A limit that nobody has set holds nothing up. `key` makes one limit for each key, such as a customer:
 * each has as many slots as are set for `limit`, unless `limit:key` is set itself. Who waits is served in the order of asking; waiting costs nothing. The slots are given back when
 * `fn` has ended, whatever came of it; what `fn` throws is thrown.
 * @param options `occupy`: slots, a whole number from 1 on (default 1).
 * @throws WindhoverError WH1007 outside of a flow, WH1008 inside of a task, WH1003 for an `occupy` that cannot be, WH1308 inside of another `concurrency()` of the same limit, in
 * this flow or in one around it, WH2012 when it asks for more slots than there are.
 * @example await concurrency("database", { occupy: 2 }, async () => load(rows));
 */
export async function concurrency<R>(limit: string, options: { readonly occupy?: number; readonly key?: string }, fn: () => Promise<R>): Promise<R> {
  const scope = flowScope("concurrency()");
  const { instance, within = [] } = scope;
  const { occupy = 1, key } = options;
  if (!Number.isInteger(occupy) || occupy < 1)
    throw new WindhoverError("WH1003", {
      message: `concurrency("${limit}") cannot occupy ${occupy} slots.`,
      expected: "a whole number from 1 on",
      got: String(occupy),
    });
  const name = key === undefined ? limit : `${limit}:${key}`;
  if (within.includes(name) && instance.facts.flags.includes(NESTED_BLOCK)) throw heldAround(name, "its own `concurrency()` is around");
  const request = await instance.call({
    kind: "acquire",
    name: `concurrency ${name}`,
    spec: () => ({ limit: { name, ...(occupy > 1 && { occupy }), ...(key !== undefined && { of: limit }) } }),
  }).future;
  try {
    return await shared.scopes.run({ ...scope, within: [...within, name] }, fn);
  } finally {
    await instance.call({ kind: "release", name: `release ${name}`, spec: () => ({ request: request as string }) }).future;
  }
}

/**
 * Waits for its turn under a rate (`windhover limits set NAME 10 --per "1 minute"`): at most so many turns in any period of that length, over all runs. Nothing has to be given
 * back. A rate that nobody has set holds nothing up.
 * @throws WindhoverError WH1007 outside of a flow, WH1008 inside of a task.
 * @example await rateLimit("vendor-api");
 */
export async function rateLimit(name: string): Promise<void> {
  const { instance } = flowScope("rateLimit()");
  await instance.call({ kind: "acquire", name: `rate ${name}`, spec: () => ({ limit: { name, rate: true } }) }).future;
}
