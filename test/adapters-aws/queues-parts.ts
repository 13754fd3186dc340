/** What the tests of the queues' requests share: parts whose waits end at once, and are noted. */

import type { Parts } from "../../adapters/aws/parts.ts";
import type { Results } from "../../engine/ports.ts";
import { NOON } from "../contract/samples.ts";
import { partsOf } from "./parts.ts";

export interface HastyParts extends Parts {
  /** How long was waited for, time after time. Unit: milliseconds. */
  readonly waits: number[];
}

export function hastyParts(more: Partial<Parts> = {}): HastyParts {
  const waits: number[] = [];
  let now = NOON;
  const clock = {
    now: () => now,
    async wait(ms: number, signal?: AbortSignal) {
      if (signal?.aborted) return;
      waits.push(ms);
      now += ms;
    },
  };
  return { ...partsOf(), clock, ...more, waits };
}

/** A bucket in memory. */
export function memoryResults(): Results & { readonly stored: Map<string, string> } {
  const stored = new Map<string, string>();
  return {
    stored,
    async put(text) {
      stored.set(`key-${stored.size}`, text);
      return `key-${stored.size - 1}`;
    },
    get: async (key) => stored.get(key) as string,
  };
}
