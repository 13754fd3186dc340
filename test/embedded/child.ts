/** What the tests start as processes of their own: `node child.mjs WHAT DIRECTORY …`. It says what happens as JSON lines, each written before anything else is done. */
import { writeSync } from "node:fs";
import { type EmbeddedBackend, openEmbedded } from "../../adapters/embedded/backend.ts";
import type { Entry } from "../../engine/events.ts";
import type { Delivery } from "../../engine/messages.ts";

const [what = "", directory = "", name = "", count = "0"] = process.argv.slice(2);
const say = (line: Readonly<Record<string, unknown>>): void => void writeSync(1, `${JSON.stringify(line)}\n`);

/** One turn, by the rules: what the last entry has consumed is not appended again. */
async function turn({ ports }: EmbeddedBackend, deliveries: readonly Delivery[]): Promise<void> {
  const { actor } = deliveries[0] as Delivery;
  const tail = await ports.log.tail(actor);
  const fresh = deliveries.filter((each) => !tail?.physical.includes(each.physical));
  if (fresh.length > 0) {
    const n = (tail?.n ?? 0) + 1;
    const entry = {
      actor,
      n,
      at: n,
      nonce: ports.random.id(),
      version: 1,
      physical: deliveries.map((each) => each.physical),
      events: fresh.map((each) => each.message.id),
      effects: [],
      state: {},
    };
    if (!(await ports.log.append(entry as unknown as Entry))) throw new Error(`somebody else appends to ${actor}`);
    for (const each of fresh) say({ what: "appended", id: each.message.id });
  }
  await ports.mailbox.acknowledge(deliveries);
}

async function pump(backend: EmbeddedBackend, each: (deliveries: readonly Delivery[]) => Promise<void>): Promise<never> {
  for (;;) {
    const deliveries = await backend.ports.inbox.receive(4);
    if (deliveries.length === 0) await backend.signals.mail.wait();
    else {
      for (const { message, receives } of deliveries) say({ what: "received", id: message.id, receives });
      await each(deliveries);
    }
  }
}

const programs: Readonly<Record<string, () => Promise<void>>> = {
  /** Opens the store, and says how that went. */
  async open() {
    try {
      await (await openEmbedded({ directory })).close();
      say({ what: "opened" });
    } catch (error) {
      say({ what: "refused", code: (error as { code?: string }).code, message: String(error) });
    }
  },
  /** Handles mail for ever, and, if there is a count, sends so many messages to ten actors meanwhile. */
  async work() {
    const backend = await openEmbedded({ directory });
    const stay = setInterval(() => {}, 1000);
    say({ what: "ready" });
    const send = async (): Promise<void> => {
      for (let i = 0; i < Number(count); i++) {
        const id = `${name}-${i}`;
        await backend.ports.mailbox.send(`run:${i % 10}`, { kind: "cancel", id });
        say({ what: "sent", id });
      }
    };
    await Promise.all([pump(backend, (deliveries) => turn(backend, deliveries)), send()]);
    clearInterval(stay);
  },
  /** Receives and never finishes, or dies of it. */
  async hold() {
    const backend = await openEmbedded({ directory });
    setInterval(() => {}, 1000);
    await pump(backend, async (deliveries) => {
      if (name === "die" && deliveries.some((each) => each.message.id.startsWith("poison"))) process.kill(process.pid, "SIGKILL");
      else if (name === "die") await backend.ports.mailbox.acknowledge(deliveries);
      else {
        await backend.settle();
        say({ what: "holding" });
      }
    });
  },
  /** Takes one task message and never finishes it. */
  async holdTask() {
    const backend = await openEmbedded({ directory });
    setInterval(() => {}, 1000);
    const [task] = await backend.ports.tasks.receive("default", 1);
    say({ what: "running", id: task?.message.id, receives: task?.receives });
  },
};
await programs[what]?.();
