/** The time and the dice of the machine. */
import { randomBytes, randomInt } from "node:crypto";
import type { Clock, Random } from "../../engine/ports.ts";

/** What `setTimeout` can count. Unit: milliseconds. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

let latest = 0;

export const systemClock: Clock = {
  now() {
    // The wall's clock may be set back; the time that we tell never goes back within a process.
    latest = Math.max(latest, Date.now());
    return latest;
  },
  wait(ms, signal) {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      // A wait keeps no process alive; whoever runs flows decides how long the process stays.
      const timeout = setTimeout(done, Math.min(Math.max(0, ms), LONGEST_TIMEOUT_MS)).unref();
      function done(): void {
        clearTimeout(timeout);
        signal?.removeEventListener("abort", done);
        resolve();
      }
      signal?.addEventListener("abort", done);
    });
  },
};

/** Drawn in advance, for a hundred ids: asking the system costs more than what it gives. */
let drawn = Buffer.alloc(0);
let used = 0;
const LETTERS = "0123456789abcdefghijklmnopqrstuv";

export const systemRandom: Random = {
  // 100 bits, as 20 letters and digits.
  id() {
    if (used + 20 > drawn.length) {
      drawn = randomBytes(2000);
      used = 0;
    }
    let id = "";
    for (const end = used + 20; used < end; used++) id += LETTERS[(drawn[used] as number) & 31];
    return id;
  },
  fraction: () => randomInt(2 ** 48 - 1) / (2 ** 48 - 1),
};
