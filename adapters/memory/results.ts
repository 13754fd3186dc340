/** Results under the SHA-256 of their text. */
import { createHash } from "node:crypto";
import { WindhoverError } from "../../engine/errors.ts";
import type { Results } from "../../engine/ports.ts";

export type ResultState = Map<string, string>;

export function memoryResults(results: ResultState): Results {
  return {
    async put(text) {
      const key = createHash("sha256").update(text).digest("hex");
      results.set(key, text);
      return key;
    },
    async get(key) {
      const text = results.get(key);
      if (text === undefined) throw new WindhoverError("WH3007", { message: `No result lies under ${JSON.stringify(key)}.`, got: key });
      return text;
    },
  };
}
