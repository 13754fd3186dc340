/**
 * Messages that no turn came to an end with. No user code may run for them any more: whatever it was that ended the processes before may be in it (rule 22).
 */
import { Code } from "./definition.ts";
import { WindhoverError } from "./errors.ts";
import type { Entry } from "./events.ts";
import type { Host } from "./host.ts";
import { LIMITS } from "./limits.ts";
import { type Delivery, type Message, parseActor } from "./messages.ts";
import type { Mailbox } from "./ports.ts";
import { isFinal } from "./state.ts";
import { performAgain, turn } from "./turn.ts";

/** A run's messages that were received too often become dead letters, with which the turn ends the run. All others stay what they are. */
export function deadLettersAmong(deliveries: readonly Delivery[], most: number = LIMITS.receives): readonly Delivery[] {
  return deliveries.map((delivery) => {
    if (delivery.receives <= most || parseActor(delivery.actor).kind !== "run") return delivery;
    return buried(delivery, `it was received ${delivery.receives} times without a turn that ended`);
  });
}

const buried = (delivery: Delivery, why: string): Delivery => ({ ...delivery, message: deadMessage(delivery.message, why) });

/** What becomes of a message that must not reach the author's code any more. */
export function deadMessage(message: Message, why: string): Message {
  return message.kind === "dead" ? message : { kind: "dead", id: `dead:${message.id}`, message, why };
}

/**
 * Takes a turn that runs none of the author's code. What an entry of the log has consumed has that entry's effects performed again; what a limit, a deployment or an ended run
 * gets is taken as usual; what a run that goes on gets ends it as Crashed, with `why`.
 */
export async function turnWithoutCode(host: Host, actor: string, deliveries: readonly Delivery[], why: string): Promise<void> {
  const { log, mailbox } = host.ports;
  const bare: Host = { ...host, code: new Code(), inlineMs: 0, handOn: undefined };
  const entries = await log.read(actor);
  const last = entries.at(-1);
  const holds = (entry: Entry | undefined, { physical }: Delivery): boolean => entry?.physical.includes(physical) === true;
  for (const entry of entries.slice(0, -1))
    if (deliveries.some((delivery) => holds(entry, delivery))) await performAgain(bare, actor, { ...entry, state: (last as Entry).state });
  // What the last entry has consumed is left to the turn, which performs its effects again by itself (rule 5).
  const open = deliveries.filter((delivery) => holds(last, delivery) || !entries.some((entry) => holds(entry, delivery)));
  const done = deliveries.filter((delivery) => !open.includes(delivery));
  if (done.length > 0) await mailbox.acknowledge(done);
  if (open.length === 0) return;
  const ends = parseActor(actor).kind === "run" && !(last?.state.kind === "run" && isFinal(last.state.row.type));
  try {
    await turn(bare, actor, ends ? open.map((delivery) => buried(delivery, why)) : open);
  } catch (error) {
    // An attempt that was lost inline was its last one: the flow's code would have to hear of it, and that is not here.
    if (!(error instanceof WindhoverError) || error.code !== "WH2001") throw error;
    // Under another id: by its own the turn would take it for what the last entry has consumed, and look no further.
    const again = open.map((delivery) => ({ ...buried(delivery, why), physical: `dead/${delivery.physical}` }));
    const own: Mailbox = { send: (to, message) => mailbox.send(to, message), acknowledge: () => mailbox.acknowledge(open) };
    await turn({ ...bare, ports: { ...bare.ports, mailbox: own } }, actor, again);
  }
}
