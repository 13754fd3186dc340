/**
 * One turn of one actor. This is the whole idea of Windhover:
 *
 *                 mailbox (one message group per actor: never two turns at once)
 *   schedules ─┐   ┌───────────────────────── one turn ─────────────────────────┐
 *   triggers  ─┤   │ 1 read the tail of the log                                 │
 *   API, CLI  ─┼──▶│ 2 advance(log, messages) → events + effects       (pure)   │
 *   timers    ─┤   │ 3 append ONE entry, only if it is the next one   (commit)  │
 *   tasks done ┘   │ 4 perform the effects      (send, set a timer, index)      │
 *                  │ 5 delete the messages                        (acknowledge) │
 *                  └────────────────────────────────────────────────────────────┘
 *                            │ effects: task messages ──▶ executors ──▶ mailbox
 *
 * A turn that dies between any two of these lines is taken again: its messages come back, and the entry that it had appended is recognised by their physical ids.
 * A second writer loses at step 3, and then does nothing more: no effect, no acknowledgement.
 */

import { Book } from "./book.ts";
import type { DeploymentState } from "./deployment.ts";
import { type Performer, perform } from "./effects.ts";
import { WindhoverError } from "./errors.ts";
import { type ActorState, type AnyEvent, type Effect, type Entry, LOG_VERSION } from "./events.ts";
import { handOn } from "./hand-on.ts";
import type { Host } from "./host.ts";
import { runInline } from "./inline.ts";
import { LateRow } from "./late-row.ts";
import { advanceLimit, type LimitState } from "./limit.ts";
import { type Delivery, type DeploymentMessage, type LimitMessage, type Message, parseActor, type RunMessage } from "./messages.ts";
import { advanceRun, runRow } from "./run.ts";
import { limitsOfTurn, runContext, runReader } from "./run-context.ts";
import type { Living, RunContext } from "./run-draft.ts";
import type { RunState } from "./run-state.ts";
import { spill } from "./spill.ts";

interface Step {
  readonly state: ActorState | null;
  readonly events: readonly AnyEvent[];
  readonly effects: readonly Effect[];
  readonly living?: Living | null;
}

/** Somebody else has appended the entry that this turn wanted to append. */
export class SecondWriter extends Error {}

/**
 * Takes one turn. When it returns, all deliveries are acknowledged; when it throws, none is, and they have to be delivered again.
 * @throws SecondWriter when another process took this actor's turn meanwhile.
 * @throws WindhoverError WH3006 when the log was written by a newer version.
 */
export async function turn(host: Host, actor: string, deliveries: readonly Delivery[]): Promise<void> {
  const { log, mailbox } = host.ports;
  const lateRow = host.lateRows ? new LateRow(host.ports) : undefined;
  const limits = limitsOfTurn(host);
  let living: Living | null = null;
  try {
    let tail = await log.tail(actor); // 1
    refuseNewer(tail);
    const rest = handOn(host, actor, tail, deliveries); // rule 34
    if (rest) return await rest.then((ours) => (ours.length > 0 ? turn(host, actor, ours) : undefined));
    // Taken out for as long as this turn uses it: nobody else in this process goes on with it, or drops it for lack of room.
    living = tail ? host.warm.take(actor, tail) : null;
    const again = deliveries.filter((delivery) => tail?.physical.includes(delivery.physical));
    if (tail && again.length > 0) await perform(performerOf(host, actor, living), tail, tail.effects); // rule 5: before anything else is appended
    // The turn that died may have held a row back.
    if (lateRow && again.length > 0 && tail?.state.kind === "run") lateRow.hold(runRow(parseActor(actor).name, tail.n, tail.state));
    let messages: readonly Message[] = [
      ...lostAttempts(tail, again),
      ...deliveries.filter((delivery) => !again.includes(delivery)).map((delivery) => delivery.message),
    ];
    let queueNext = again.length > 0;
    for (;;) {
      const step = await advance(host, actor, tail, messages, { queueNext, living, limits }); // 2
      if (step.events.length > 0) tail = await append(host, actor, tail, step, deliveries); // 3
      if (step.events.length === 0) host.onAnswer?.(actor, tail?.n ?? 0, step.state, step.effects);
      living = step.living && tail ? host.warm.hold({ ...step.living, n: tail.n, nonce: tail.nonce }) : null;
      // Without a log an answer has effects all the same: a limit may have refused the first request of its life.
      const at = tail ?? { n: 0, at: host.ports.clock.now(), state: step.state as ActorState };
      const performed = perform(performerOf(host, actor, living, lateRow), at, step.effects); // 4
      if (performed) await performed;
      const inline = step.effects.find((effect) => effect.do === "inline");
      if (!inline || !tail) break;
      const ran = await runInline(host, actor, tail, inline, living?.book ?? (await bookOf(host, actor)));
      messages = ran.messages;
      queueNext ||= ran.end;
    }
    if (lateRow) await lateRow.write();
    await mailbox.acknowledge(deliveries); // 5
    if (living) host.warm.keep(actor, living);
  } catch (error) {
    lateRow?.forget();
    living?.instance?.drop();
    throw error;
  }
}

/** What the log says was running inline when the turn before this one died: that attempt is over, and never runs again (rule 15). */
function lostAttempts(tail: Entry | null, again: readonly Delivery[]): RunMessage[] {
  if (again.length === 0) return [];
  const lost = (tail?.effects ?? []).filter((effect) => effect.do === "inline");
  return lost.map(({ call, attempt }) => ({
    kind: "crash",
    id: `crash:${call}:${attempt}`,
    attempts: [{ call, attempt }],
    why: "the process died while it ran",
  }));
}

type Known = Pick<RunContext, "queueNext" | "living" | "limits">;

function advance(host: Host, actor: string, tail: Entry | null, messages: readonly Message[], known: Known): Step | Promise<Step> {
  const { kind, name } = parseActor(actor);
  const context = { name, n: (tail?.n ?? 0) + 1, now: Math.max(host.ports.clock.now(), tail?.at ?? 0) };
  if (kind === "limit") return advanceLimit(context, (tail?.state ?? null) as LimitState | null, messages as LimitMessage[]);
  if (kind === "deployment")
    return host.advanceDeployment(
      { ...context, ticksFromOutside: host.ticksFromOutside },
      (tail?.state ?? null) as DeploymentState | null,
      messages as DeploymentMessage[],
    );
  return advanceRun(runContext(host, actor, tail, { now: context.now, ...known }), (tail?.state ?? null) as RunState | null, messages as RunMessage[]);
}

/** Unique for each entry that any process appends, at the price of one random number a process. */
function nonceFor(host: Host): string {
  const known = nonces.get(host) ?? { base: host.ports.random.id(), count: 0 };
  nonces.set(host, known);
  return `${known.base}.${(known.count++).toString(36)}`;
}
const nonces = new WeakMap<Host, { readonly base: string; count: number }>();

async function append(host: Host, actor: string, tail: Entry | null, step: Step, deliveries: readonly Delivery[]): Promise<Entry> {
  const { clock, log, results } = host.ports;
  const n = (tail?.n ?? 0) + 1;
  const at = Math.max(clock.now(), tail?.at ?? 0);
  const entry: Entry = {
    actor,
    n,
    at,
    nonce: nonceFor(host),
    version: LOG_VERSION,
    physical: deliveries.map((delivery) => delivery.physical),
    events: step.events,
    effects: step.effects,
    state: step.state as ActorState,
  };
  const spilled = spill(entry, results);
  if (spilled) await spilled;
  // An append that failed may have succeeded: the answer was lost. Then the entry has our nonce, and we go on (rule 8).
  if (!(await log.append(entry)) && (await log.read(actor, n, n))[0]?.nonce !== entry.nonce)
    throw new SecondWriter(`another process appended entry ${n} of ${actor}`);
  host.onEntry?.(entry);
  return entry;
}

function performerOf(host: Host, actor: string, living: Living | null, lateRow?: LateRow): Performer {
  let book = living?.book;
  return {
    ports: host.ports,
    actor,
    onRow: host.onRow,
    lateRow,
    async book() {
      book ??= await bookOf(host, actor);
      return book;
    },
    get reader() {
      return runReader(host, actor, () => book as Book);
    },
  };
}

/** Performs an entry's effects once more. A turn does so by itself for the last entry; dead letters may belong to an earlier one (rule 22). */
export async function performAgain(host: Host, actor: string, entry: Entry): Promise<void> {
  await perform(performerOf(host, actor, null), entry, entry.effects);
}

async function bookOf(host: Host, actor: string): Promise<Book> {
  return Book.from(await host.ports.log.read(actor));
}

function refuseNewer(tail: Entry | null): void {
  if (tail && tail.version > LOG_VERSION)
    throw new WindhoverError("WH3006", {
      message: `The log of ${tail.actor} was written in format ${tail.version}.`,
      expected: `format ${LOG_VERSION} or older`,
      got: String(tail.version),
    });
}
