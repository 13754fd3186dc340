/**
 * How fast the embedded store is, as JSON lines: one append against one fdatasync of the same disk, and actors a second where 500 go through
 * send → receive → append → append → acknowledge and one index row side by side. Bundle it with esbuild and run it with node.
 */
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EmbeddedBackend, openEmbedded } from "../adapters/embedded/backend.ts";
import type { Entry, RunRow } from "../engine/events.ts";
import type { Delivery, Message } from "../engine/messages.ts";

const ROUNDS = 400;
const ACTORS = 10_000;
const SIDE_BY_SIDE = 500;

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;
const print = (line: Readonly<Record<string, number | string>>): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

function entry(actor: string, n: number, delivery: string): Entry {
  const plain = {
    actor,
    n,
    at: Date.now(),
    nonce: `${actor}-${n}`,
    version: 1,
    physical: [delivery],
    events: [{ type: "settled", call: `fetch-${n}`, ok: true, value: "x".repeat(200), ran: [1, 2] }],
    effects: [{ do: "task", call: `fetch-${n}`, attempt: 1 }],
    state: { open: { [`fetch-${n}`]: { attempt: 1 } }, done: n, text: "x".repeat(100) },
  };
  return plain as unknown as Entry;
}

/** Appends to a file as a write-ahead log does. Unit: milliseconds. */
function fdatasync(directory: string): number {
  const file = openSync(join(directory, "plain"), "w");
  const page = Buffer.alloc(8192, 1);
  const times: number[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    const from = performance.now();
    writeSync(file, page, 0, page.length, i * page.length);
    fdatasyncSync(file);
    times.push(performance.now() - from);
  }
  closeSync(file);
  return median(times);
}

async function appends({ ports }: EmbeddedBackend): Promise<number> {
  const times: number[] = [];
  for (let n = 1; n <= ROUNDS; n++) {
    const next = entry("run:alone", n, "d");
    const from = performance.now();
    if (!(await ports.log.append(next))) throw new Error("an append was refused");
    times.push(performance.now() - from);
  }
  return median(times);
}

const row = (id: string): RunRow => ({
  id,
  seq: 2,
  name: id,
  flow: "digest",
  state: { type: "COMPLETED", name: "Completed", timestamp: 1 },
  tags: ["bench"],
  createdAt: 1,
});

async function turn({ ports }: EmbeddedBackend, deliveries: readonly Delivery[]): Promise<void> {
  const { actor, physical } = deliveries[0] as Delivery;
  await ports.log.tail(actor);
  await ports.log.append(entry(actor, 1, physical));
  await ports.log.append(entry(actor, 2, physical));
  await Promise.all([ports.index.putRun(row(actor)), ports.mailbox.acknowledge(deliveries)]);
}

/** Unit: actors a second. */
async function actors(backend: EmbeddedBackend): Promise<number> {
  const { ports, signals } = backend;
  let done = 0;
  let sent = 0;
  const from = performance.now();
  const finished = new Promise<void>((resolve, reject) => {
    const send = (): void => {
      for (; sent < ACTORS && sent - done < SIDE_BY_SIDE; sent++)
        ports.mailbox
          .send(`run:actor-${sent}`, {
            kind: "start",
            id: `start:${sent}`,
            flow: "digest",
            name: `actor-${sent}`,
            parameters: "{}",
            createdAt: 1,
          } satisfies Message)
          .catch(reject);
    };
    const pump = async (): Promise<void> => {
      for (;;) {
        const deliveries = await ports.inbox.receive(10);
        if (deliveries.length === 0) return;
        turn(backend, deliveries).then(() => {
          if (++done === ACTORS) resolve();
          else send();
        }, reject);
      }
    };
    signals.mail.subscribe(() => void pump().catch(reject));
    send();
  });
  await finished;
  return (ACTORS / (performance.now() - from)) * 1000;
}

const directory = mkdtempSync(join(tmpdir(), "windhover-bench-"));
try {
  const sync = fdatasync(directory);
  const backend = await openEmbedded({ directory });
  // Like a process that runs flows.
  await backend.ports.inbox.receive(1);
  const append = await appends(backend);
  print({ bench: "store", what: "append", medianMs: append, fdatasyncMs: sync, ratio: append / sync });
  const before = backend.stats();
  const rate = await actors(backend);
  print({ bench: "store", what: "actors", perSecond: Math.round(rate), sideBySide: SIDE_BY_SIDE, flushes: backend.stats().flushes - before.flushes });
  await backend.close();
} finally {
  rmSync(directory, { recursive: true, force: true });
}
