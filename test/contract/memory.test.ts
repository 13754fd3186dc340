/** The memory backend under contract. */
import { createMemoryBackend, type MemoryBackend } from "../../adapters/memory/backend.ts";
import { emittedEvents } from "../../adapters/memory/events.ts";
import { loseEntry } from "../../adapters/memory/log.ts";
import type { Backend } from "./backend.ts";
import { runContracts } from "./contracts.ts";

const under = (memory: MemoryBackend): Backend => ({
  ports: memory.ports,
  advance: (ms) => memory.advance(ms),
  async reopen() {
    await memory.close();
    return under(createMemoryBackend({ state: memory.state }));
  },
  beside: async () => under(createMemoryBackend({ state: memory.state, inHand: "kept" })),
  lose: async (actor, n) => loseEntry(memory.state.logs, actor, n),
  emitted: async () => emittedEvents(memory.state.events),
  close: () => memory.close(),
});

runContracts({ backend: "memory", make: async () => under(createMemoryBackend()), skips: {} });
