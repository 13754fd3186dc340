/** Slots of limits: a run asks for them, waits, and gives them back. */
import { encode, encodeError } from "./codec.ts";
import { WindhoverError } from "./errors.ts";
import type { LimitWanted } from "./events.ts";
import { type Held, limitActor } from "./messages.ts";
import type { RunDraft } from "./run-draft.ts";
import type { OpenCall } from "./run-state.ts";
import { settle } from "./settle.ts";

/** Limits are asked for one after the other, in the order of their names, so that two calls never wait for each other (rule 21). */
export function askForSlot(draft: RunDraft, call: string): void {
  const open = draft.state.open[call] as OpenCall;
  const wanted = open.wants?.[0];
  if (!wanted) {
    open.wants = undefined;
    if (open.kind === "acquire") settle.ok(draft, call, open.request === undefined ? undefined : encode(open.request));
    else draft.launches.push(call);
    return;
  }
  const refused = wouldWaitForItself(draft, open, wanted);
  if (refused) return settle.fail(draft, call, encodeError(refused));
  const attempt = (open.attempt ?? 0) + 1;
  open.request = `${draft.id}/${call}#${attempt}${open.gaveBack ? `.${open.gaveBack}` : ""}@${wanted.name}`;
  open.waits = "slot";
  open.since = draft.now;
  acquire(draft, open.request, wanted);
}

export function acquire(draft: RunDraft, request: string, wanted: LimitWanted): void {
  draft.send(limitActor(wanted.name), {
    kind: "acquire",
    id: `acquire:${request}`,
    request,
    holder: draft.context.actor,
    occupy: wanted.occupy ?? 1,
    slots: wanted.slots,
  });
}

export function wouldWaitForItself({ state }: RunDraft, { within = [] }: OpenCall, { name }: LimitWanted): WindhoverError | undefined {
  if (state.heldAbove?.includes(name)) return heldAround(name, "a flow that called this one holds it");
  return within.includes(name) ? heldAround(name, "it runs inside of its own `concurrency()`") : undefined;
}

export const heldAround = (limit: string, why: string): WindhoverError =>
  new WindhoverError("WH1308", { message: `The limit "${limit}" is asked for where ${why}.`, expected: "a limit that nothing around holds", got: limit });

/** Frees a slot that this run holds. */
export function release(draft: RunDraft, request: string): void {
  const { held } = draft.state;
  const slot = held?.[request];
  if (!held || !slot) return;
  delete held[request];
  draft.send(limitActor(slot.limit), { kind: "release", id: `release:${request}:${slot.fence}`, request, fence: slot.fence });
}

/** Takes back a request that has not been granted, as far as this run knows. */
export function withdraw(draft: RunDraft, request: string, limit: string): void {
  draft.send(limitActor(limit), { kind: "release", id: `release:${request}:-`, request, fence: null });
}

/** What a run that goes on as another hands on: the slots of its `concurrency()` blocks. Those of its tasks go back, for the tasks are told to stop. */
export function handOnSlots({ state }: RunDraft): Readonly<Record<string, Held>> {
  const all = Object.entries(state.held ?? {});
  state.held = Object.fromEntries(all.filter(([, { block }]) => !block));
  return Object.fromEntries(all.filter(([, { block }]) => block));
}
/** What was handed on belongs to no block yet. */
export const handedOn = (held: Readonly<Record<string, Held>>): Record<string, Held> =>
  Object.fromEntries(Object.entries(held).map(([request, { block: _, ...slot }]) => [request, slot]));

/** A `concurrency()` asks for its slot, unless it was handed on and nobody has asked for it yet: to ask the limit for another would be to wait for oneself. */
export function askForBlock(draft: RunDraft, call: string, open: OpenCall, wanted: LimitWanted | undefined): void {
  const { held = {} } = draft.state;
  const known = ([request, slot]: [string, Held]): boolean =>
    slot.limit === wanted?.name && (slot.occupy ?? 1) === (wanted.occupy ?? 1) && !slot.block && !request.startsWith(`${draft.id}/`);
  const [request, slot] = (wanted?.rate ? undefined : Object.entries(held).find(known)) ?? [];
  if (request !== undefined && slot) {
    held[request] = { ...slot, block: true };
    return settle.ok(draft, call, encode(request));
  }
  open.wants = wanted ? [wanted] : [];
  askForSlot(draft, call);
}
