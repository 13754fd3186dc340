/** The contracts over the embedded backend, on a virtual clock and a directory of its own for each case. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EmbeddedBackend, openEmbedded } from "../../adapters/embedded/backend.ts";
import { loadDriver, openDatabase } from "../../adapters/embedded/database.ts";
import { VirtualClock } from "../embedded/virtual-clock.ts";
import type { Backend, Emitted } from "./backend.ts";
import { runContracts } from "./contracts.ts";
import { NOON } from "./samples.ts";

interface Place {
  readonly directory: string;
  readonly clock: VirtualClock;
  readonly emitted: Emitted[];
  readonly open: Set<EmbeddedBackend>;
}

async function open(place: Place): Promise<Backend> {
  const backend = await openEmbedded({ directory: place.directory, now: place.clock });
  backend.subscribe((event) => place.emitted.push(event));
  place.open.add(backend);
  const leave = (): void => {
    place.open.delete(backend);
    if (place.open.size === 0) rmSync(place.directory, { recursive: true, force: true });
  };
  return {
    ports: backend.ports,
    async advance(ms) {
      await place.clock.advance(ms);
      for (const each of place.open) await each.settle();
    },
    async reopen() {
      // What a turn does after its append is written in order, within a hundredth of a second, and not awaited: the contract is about what is written.
      await backend.settle();
      backend.kill();
      const next = await open(place);
      leave();
      return next;
    },
    beside: () => open(place),
    async lose(actor, n) {
      await loadDriver();
      const database = openDatabase(join(place.directory, "windhover.db"));
      database.prepare("DELETE FROM entries WHERE n = ? AND actor = (SELECT id FROM actors WHERE name = ?)").run(n, actor);
      database.close();
    },
    emitted: async () => place.emitted,
    async close() {
      await backend.close();
      leave();
    },
  };
}

runContracts({
  backend: "embedded",
  make: () => open({ directory: mkdtempSync(join(tmpdir(), "windhover-")), clock: new VirtualClock(NOON), emitted: [], open: new Set() }),
  skips: {},
});
