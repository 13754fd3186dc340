/** Logs as JSON texts: written once at append, parsed when read, so that nothing in them is shared with anybody. */
import { WindhoverError } from "../../engine/errors.ts";
import type { Entry } from "../../engine/events.ts";
import type { Log } from "../../engine/ports.ts";

/** Entry n lies at n - 1; null where one was lost. */
export type LogState = Map<string, (string | null)[]>;

export function memoryLog(logs: LogState): Log {
  const parse = (actor: string, text: string | null | undefined, n: number): Entry => {
    if (typeof text !== "string") throw new WindhoverError("WH3005", { message: `Entry ${n} of ${actor} is missing.`, expected: `entry ${n}`, got: "nothing" });
    return JSON.parse(text) as Entry;
  };
  return {
    async tail(actor) {
      const texts = logs.get(actor);
      return texts === undefined ? null : parse(actor, texts.at(-1), texts.length);
    },
    async read(actor, from = 1, to = Number.POSITIVE_INFINITY) {
      const first = Math.max(1, from);
      const texts = logs.get(actor)?.slice(first - 1, Math.max(0, to)) ?? [];
      return texts.map((text, i) => parse(actor, text, first + i));
    },
    async append(entry) {
      const texts = logs.get(entry.actor);
      if (entry.n !== (texts?.length ?? 0) + 1) return false;
      const text = JSON.stringify(entry);
      if (texts === undefined) logs.set(entry.actor, [text]);
      else texts.push(text);
      return true;
    },
  };
}

/** Takes one entry out, as a damaged disk would. */
export function loseEntry(logs: LogState, actor: string, n: number): void {
  const texts = logs.get(actor);
  if (texts !== undefined && n >= 1 && n <= texts.length) texts[n - 1] = null;
}
