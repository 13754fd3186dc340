/** Slots that flows share over all runs. */
import { WindhoverError } from "../engine/errors.ts";
import { flowScope } from "./waits.ts";

/**
 * Runs `fn` while holding a slot of a limit, or `occupy` slots. A limit that nobody has set holds nothing up. `key` makes one limit for each key, such as a customer:
 * each has as many slots as are set for `limit`, unless `limit:key` is set itself.
 * @throws WindhoverError WH1308 when a flow around it holds the same limit, WH2012 when it asks for more slots than there are.
 * @example await concurrency("database", { occupy: 2 }, async () => load(rows));
 */
export async function concurrency<R>(limit: string, options: { readonly occupy?: number; readonly key?: string }, fn: () => Promise<R>): Promise<R> {
  const { instance } = flowScope("concurrency()");
  const { occupy = 1, key } = options;
  if (!Number.isInteger(occupy) || occupy < 1)
    throw new WindhoverError("WH1003", {
      message: `concurrency("${limit}") cannot occupy ${occupy} slots.`,
      expected: "a whole number from 1 on",
      got: String(occupy),
    });
  const name = key === undefined ? limit : `${limit}:${key}`;
  const request = await instance.call({
    kind: "acquire",
    name: `concurrency ${name}`,
    spec: () => ({ limit: { name, ...(occupy > 1 && { occupy }), ...(key !== undefined && { of: limit }) } }),
  }).future;
  try {
    return await fn();
  } finally {
    await instance.call({ kind: "release", name: `release ${name}`, spec: () => ({ request: request as string }) }).future;
  }
}

/**
 * Waits for its turn under a rate (`windhover limits set NAME 10 --per "1 minute"`). Nothing has to be given back.
 * @example await rateLimit("vendor-api");
 */
export async function rateLimit(name: string): Promise<void> {
  const { instance } = flowScope("rateLimit()");
  await instance.call({ kind: "acquire", name: `rate ${name}`, spec: () => ({ limit: { name, rate: true } }) }).future;
}
