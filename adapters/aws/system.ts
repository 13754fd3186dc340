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
      // A wait keeps the process alive: Lambda takes a handler for finished, and deletes its messages, when nothing is left that could wake it.
      // Timeouts end up to a millisecond early by the clock that `now` reads.
      const timeout = setTimeout(done, ms > 0 ? Math.min(ms + 1, LONGEST_TIMEOUT_MS) : 0);
      function done(): void {
        clearTimeout(timeout);
        signal?.removeEventListener("abort", done);
        resolve();
      }
      signal?.addEventListener("abort", done);
    });
  },
};

export const systemRandom: Random = {
  // 100 bits, as 20 letters and digits.
  id: () => [...randomBytes(20)].map((byte) => (byte & 31).toString(32)).join(""),
  fraction: () => randomInt(2 ** 48 - 1) / (2 ** 48 - 1),
};
