/** Claims of all processes over one state. */
import type { Claims } from "../../engine/ports.ts";

/** By actor and key. */
export type ClaimState = Map<string, Map<string, string>>;

export function memoryClaims(state: ClaimState): Claims {
  return {
    async take(actor, key, mark) {
      let own = state.get(actor);
      if (own === undefined) {
        own = new Map();
        state.set(actor, own);
      }
      const found = own.get(key);
      if (found !== undefined) return found;
      own.set(key, mark);
      return mark;
    },
  };
}
