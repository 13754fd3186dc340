/** Named values, and secrets, which are kept apart from them so that no list can show one. */
import type { Registry, RegistryValue, Secrets } from "../../engine/ports.ts";
import type { VirtualClock } from "./clock.ts";

/** By kind and key; values as JSON. */
export type RegistryState = Map<string, Map<string, string>>;
export type SecretState = Map<string, string>;

export function memoryRegistry(state: RegistryState, clock: VirtualClock): Registry {
  const alive = (text: string | undefined): RegistryValue | null => {
    if (text === undefined) return null;
    const value = JSON.parse(text) as RegistryValue;
    return value.expiresAt !== undefined && value.expiresAt <= clock.now() ? null : value;
  };
  return {
    get: async (kind, key) => alive(state.get(kind)?.get(key)),
    async put(kind, key, value) {
      const own = state.get(kind);
      if (value === null) own?.delete(key);
      else if (own === undefined) state.set(kind, new Map([[key, JSON.stringify(value)]]));
      else own.set(key, JSON.stringify(value));
    },
    async list(kind) {
      const rows: { readonly key: string; readonly value: RegistryValue }[] = [];
      for (const [key, text] of state.get(kind) ?? []) {
        const value = alive(text);
        if (value !== null) rows.push({ key, value });
      }
      return rows.sort((a, b) => (a.key < b.key ? -1 : 1));
    },
  };
}

export function memorySecrets(state: SecretState): Secrets {
  return {
    get: async (name) => state.get(name) ?? null,
    async put(name, value) {
      if (value === null) state.delete(name);
      else state.set(name, value);
    },
    list: async () => [...state.keys()].sort(),
  };
}
