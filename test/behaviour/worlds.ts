/** The same cases on every backend: a world is a backend with a worker and a client, on virtual time. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe } from "vitest";
import { openEmbedded } from "../../adapters/embedded/backend.ts";
import { createMemoryBackend } from "../../adapters/memory/backend.ts";
import { createRuntime, type Runtime, type RuntimeOptions } from "../../adapters/process/runtime.ts";
import { durationMs } from "../../engine/errors.ts";
import type { AnyEvent } from "../../engine/events.ts";
import type { LogLine } from "../../engine/ports.ts";
import { shared } from "../../engine/scope.ts";
import type { Run } from "../../sdk/client-types.ts";
import { PortsClient } from "../../sdk/ports-client.ts";
import { VirtualClock } from "../embedded/virtual-clock.ts";

export interface World extends AsyncDisposable {
  readonly client: PortsClient;
  readonly runtime: Runtime;
  readonly lines: LogLine[];
  readonly errors: unknown[];
  /** Resolves when nothing moves without time passing. */
  settled(): Promise<void>;
  advance(duration: string | number): Promise<void>;
  /** As after `kill -9`: what this process had in memory and in hand is gone, and another goes on. */
  restart(): Promise<World>;
  events(run: Run<unknown> | string): Promise<AnyEvent[]>;
}

export const START = Date.parse("2026-03-01T12:00:00Z");

interface Pumped {
  readonly ports: Parameters<typeof createRuntime>[0]["ports"];
  readonly signals: Parameters<typeof createRuntime>[0]["signals"];
}

function worldOver(
  backend: Pumped,
  parts: {
    advance(ms: number, settle: () => Promise<void>): Promise<void>;
    flush(): Promise<void>;
    kill(): Promise<void>;
    reopen(): Promise<World>;
    close(): Promise<void>;
  },
  options: RuntimeOptions,
): World {
  const lines: LogLine[] = [];
  const errors: unknown[] = [];
  const runtime = createRuntime(backend, {
    onLog: (line) => lines.push(line),
    onTurnError: (_, error) => errors.push(error),
    onFatal: (error) => errors.push(error),
    ...options,
  });
  runtime.worker.start();
  const never = new Promise<void>(() => {});
  const client = new PortsClient({ ports: backend.ports, code: shared.code, changed: (actor) => runtime.changes.next(actor, never) });
  const settled = async (): Promise<void> => {
    await runtime.worker.settled();
    await parts.flush();
    await runtime.worker.settled();
  };
  return {
    client,
    runtime,
    lines,
    errors,
    settled,
    async advance(duration) {
      await settled();
      await parts.advance(durationMs(duration), settled);
      await settled();
    },
    async restart() {
      await parts.kill();
      return parts.reopen();
    },
    events: async (run) => (await client.history(typeof run === "string" ? run : run.id)).flatMap((entry) => entry.events),
    async [Symbol.asyncDispose]() {
      await runtime.worker.stop({ leaveTasks: true });
      await parts.close();
    },
  };
}

function memoryWorld(options: RuntimeOptions): Promise<World> {
  const open = async (backend: ReturnType<typeof createMemoryBackend>): Promise<World> =>
    worldOver(
      backend,
      {
        advance: (ms, settle) => backend.advance(ms, settle),
        flush: async () => {},
        kill: () => backend.close(),
        reopen: () => open(createMemoryBackend({ state: backend.state })),
        close: () => backend.close(),
      },
      options,
    );
  return open(createMemoryBackend({ seed: 1, now: START }));
}

function embeddedWorld(options: RuntimeOptions): Promise<World> {
  const directory = mkdtempSync(join(tmpdir(), "windhover-"));
  const clock = new VirtualClock(START);
  const open = async (): Promise<World> => {
    const backend = await openEmbedded({ directory, now: clock });
    return worldOver(
      backend,
      {
        async advance(ms, settle) {
          const end = clock.now() + ms;
          for (let next = clock.next(); next !== undefined && next <= end; next = clock.next()) {
            await clock.advance(Math.max(0, next - clock.now()));
            await settle();
          }
          await clock.advance(end - clock.now());
          await settle();
        },
        flush: () => backend.settle(),
        kill: async () => {
          await backend.settle();
          backend.kill();
        },
        reopen: open,
        async close() {
          await backend.close();
          rmSync(directory, { recursive: true, force: true });
        },
      },
      options,
    );
  };
  return open();
}

/** Registers the cases once for each backend. */
export function inEachWorld(name: string, cases: (world: (options?: RuntimeOptions) => Promise<World>) => void): void {
  describe.each([
    ["memory", memoryWorld],
    ["embedded", embeddedWorld],
  ] as const)(`${name} (%s)`, (_, make) => cases((options = {}) => make(options)));
}
