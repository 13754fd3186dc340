/** Calls: how one begins, waits for what it needs, is launched, settles, and is cancelled. A call is open from its `called` event to its `settled` event. */
import { cancelError } from "./cancel.ts";
import { decode, encode, encodeError, hash } from "./codec.ts";
import { retryFlow, timeOutFlow } from "./ending.ts";
import { WindhoverError } from "./errors.ts";
import type { ArtifactRow, CallSpec, LimitWanted, Payload, Ran, RunEvent, SettledLabel } from "./events.ts";
import { beginHooks } from "./hooks.ts";
import type { Command } from "./instance.ts";
import { LIMITS } from "./limits.ts";
import { cancelMap, dependencyOfMapSettled, followMap, grantedPiece, pieceTimer, startMap } from "./map.ts";
import { limitActor, type RunMessage, runActor } from "./messages.ts";
import { runName } from "./names.ts";
import { reusable } from "./reuse.ts";
import type { RunDraft } from "./run-draft.ts";
import type { OpenCall } from "./run-state.ts";

/** The flow's code made a new call. */
export async function begin(draft: RunDraft, command: Command): Promise<void> {
  const { state } = draft;
  const { call, kind, name } = command;
  const spec =
    kind === "flow" ? { ...command.spec, child: hash(`${draft.id}/${call}`).slice(0, 16) } : await withTagLimits(draft, inPoolOfFlow(draft, command));
  state.calls++;
  draft.log({ type: "called", call, kind, name, ...spec });
  const { retries, crashRetries, timeoutSeconds, pool, limits, role, hooks, child, input, until } = spec;
  const open: OpenCall = { name };
  const known = { kind: kind === "task" ? undefined : kind, retries, crashRetries, timeoutSeconds, pool, limits, role, hooks, child, input, until };
  for (const [key, value] of Object.entries(known)) if (value !== undefined) Object.assign(open, { [key]: value });
  state.open[call] = open;
  draft.openCount++;
  if (command.invalid !== undefined) return settle.fail(draft, call, encodeError(command.invalid));
  if (draft.openCount > LIMITS.openCalls)
    return settle.fail(
      draft,
      call,
      encodeError(
        new WindhoverError("WH1307", {
          message: `More than ${LIMITS.openCalls} calls are open at once.`,
          expected: `at most ${LIMITS.openCalls}`,
          got: `${name} as one more`,
        }),
      ),
    );
  const reused = await reusable(draft, command);
  if (reused) return settle.ok(draft, call, reused.value, { label: "Reused" });
  if (state.cancel && turnedAway(draft, command)) return settle.fail(draft, call, cancelError(draft), "Cancelled");
  switch (kind) {
    case "task":
    case "builtin":
    case "flow":
    case "map":
      return waitForNeeds(draft, call, [...(spec.deps ?? []), ...(spec.after ?? [])]);
    case "sleep":
    case "pause":
      return waitUntil(draft, call, open);
    case "input":
      return waitForInput(draft, call, open);
    case "acquire":
      open.wants = spec.limit ? [spec.limit] : [];
      return askForSlot(draft, call);
    case "release":
      if (spec.request !== undefined) release(draft, spec.request);
      return settle.ok(draft, call);
    case "artifact":
      await writeArtifact(draft, call, spec.detail as string);
      return settle.ok(draft, call);
    case "emit":
      draft.effects.push({ do: "emit", id: `${draft.id}/${call}`, type: name, detail: spec.detail as Payload });
      return settle.ok(draft, call);
  }
}

/** A task that names no pool runs in its flow's. Which one that was is logged with the call. */
function inPoolOfFlow({ state, context }: RunDraft, { kind, spec }: Command): CallSpec {
  const pool = kind === "task" || kind === "map" ? context.code.flows.get(state.flow)?.pool : undefined;
  return pool === undefined || spec.pool !== undefined ? spec : { ...spec, pool };
}

/** An operator may have set a limit for a tag: it is taken like one that the code declares. Which limits there are is logged with the call. */
async function withTagLimits(draft: RunDraft, spec: CallSpec): Promise<CallSpec> {
  if (!spec.tags?.length) return spec;
  const set = await draft.context.limitNames();
  const tags = spec.tags.filter((tag) => set.has(tag)).map((name): LimitWanted => ({ name }));
  return tags.length === 0 ? spec : { ...spec, limits: [...(spec.limits ?? []), ...tags].sort((a, b) => (a.name < b.name ? -1 : 1)) };
}

/** While a run is being cancelled its `finally` blocks may still run tasks, a bounded number of them; new waits are turned away. */
function turnedAway(draft: RunDraft, { kind, spec }: Command): boolean {
  const cancel = draft.state.cancel as { calls: number };
  if (spec.role === "rollback" || kind === "release" || kind === "artifact" || kind === "emit") return false;
  if (kind !== "task" && kind !== "builtin" && kind !== "map") return true;
  return ++cancel.calls > LIMITS.cleanupCalls;
}

async function waitForNeeds(draft: RunDraft, call: string, needs: readonly string[]): Promise<void> {
  const open = draft.state.open[call] as OpenCall;
  const failed = needs.find((id) => draft.book?.calls.get(id)?.settled?.ok === false);
  if (failed !== undefined) return notReady(draft, call, failed);
  const unsettled = [...new Set(needs)].filter((id) => draft.state.open[id]);
  if (unsettled.length === 0) return ready(draft, call);
  open.needs = unsettled;
  for (const need of unsettled) draft.waits(call, need);
}

/** A call whose input failed fails too, without having run. */
function notReady(draft: RunDraft, call: string, failed: string): void {
  const settled = draft.book?.calls.get(failed)?.settled;
  const cause = settled && !settled.ok && typeof settled.error === "string" ? decode(settled.error) : undefined;
  settle.fail(
    draft,
    call,
    encodeError(new WindhoverError("WH1404", { message: `"${call}" did not run, because "${failed}", which it depends on, failed.`, got: failed, cause })),
    "NotReady",
  );
}

/** All that the call waits for is there: take its slots, then launch it. */
export async function ready(draft: RunDraft, call: string): Promise<void> {
  const open = draft.state.open[call];
  if (!open || settle.decided(draft, call)) return;
  if (draft.state.paused) {
    open.waits = "pause";
    open.since = draft.now;
    return;
  }
  if (open.kind === "map") return startMap(draft, call, open);
  if (open.kind === "flow") return startChild(draft, call, open);
  open.wants = open.limits ?? [];
  askForSlot(draft, call);
}

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
  const refused = wouldWaitForItself(draft, wanted, open.kind === "acquire");
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

export function wouldWaitForItself(draft: RunDraft, wanted: LimitWanted, block: boolean): WindhoverError | undefined {
  const { heldAbove = [], held = {} } = draft.state;
  const above = heldAbove.includes(wanted.name);
  const own = !block && Object.values(held).some((h) => h.limit === wanted.name && h.block);
  if (!above && !own) return undefined;
  return new WindhoverError("WH1308", {
    message: `The limit "${wanted.name}" is asked for while ${above ? "a flow that called this one" : "this flow"} holds it.`,
    expected: "a limit that is not held above",
    got: wanted.name,
  });
}

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

function startChild(draft: RunDraft, call: string, open: OpenCall): void {
  const { state } = draft;
  const depth = (state.depth ?? 0) + 1;
  if (depth > LIMITS.depth)
    return settle.fail(
      draft,
      call,
      encodeError(
        new WindhoverError("WH1302", {
          message: `"${open.name}" would be the ${depth}th flow within a flow.`,
          expected: `at most ${LIMITS.depth}`,
          got: String(depth),
        }),
      ),
    );
  const child = open.child as string;
  const spec = draft.book?.calls.get(call)?.called;
  const heldAbove = [
    ...new Set([
      ...(state.heldAbove ?? []),
      ...Object.values(state.held ?? {})
        .filter((h) => h.block)
        .map((h) => h.limit),
    ]),
  ];
  open.attempt = 1;
  draft.send(runActor(child), {
    kind: "start",
    id: `start:${child}:${draft.context.actor}`,
    flow: open.name,
    name: runName(child),
    parameters: spec?.args ?? "{}",
    tags: spec?.tags,
    starter: { actor: draft.context.actor, call },
    createdAt: draft.now,
    depth,
    heldAbove: heldAbove.length ? heldAbove : undefined,
    overrides: spec?.overrides === undefined ? undefined : JSON.parse(spec.overrides),
    version: state.version,
    ...(state.build !== undefined && { build: state.build }),
  });
}

function waitUntil(draft: RunDraft, call: string, open: OpenCall): void {
  open.since = draft.now;
  if (open.until === undefined) return;
  if (open.kind === "sleep" && open.until <= draft.now) return settle.ok(draft, call);
  setTimer(draft, call, open, open.until);
}

function waitForInput(draft: RunDraft, call: string, open: OpenCall): void {
  const inputs = draft.state.inputs ?? [];
  const at = inputs.findIndex((i) => i.name === open.input);
  const found = inputs[at];
  if (found) {
    inputs.splice(at, 1);
    return settle.ok(draft, call, found.value);
  }
  waitUntil(draft, call, open);
}

/** A timer's id is the call and the entry that sets it (rule 2): a firing that is not open any more means nothing. */
export function setTimer(draft: RunDraft, call: string, open: { timer?: string }, at: number): void {
  open.timer = `${call}@${draft.context.n}`;
  draft.effects.push({ do: "timer", id: open.timer, at });
}

async function writeArtifact(draft: RunDraft, call: string, detail: string): Promise<void> {
  const { key, kind, data } = decode(detail) as { key: string; kind: ArtifactRow["kind"]; data: unknown };
  draft.effects.push({ do: "artifact", row: { id: `${draft.id}/${key}`, run: draft.id, call, key, kind, data: encode(data), at: draft.now } });
}

/** Settlements. `ok` and `fail` decide; `close` does what follows when the settlement enters the log. */
export const settle = {
  decided: (draft: RunDraft, call: string): boolean => draft.decided.has(call),
  ok(draft: RunDraft, call: string, value?: Payload, more: { label?: SettledLabel; hash?: string; ran?: Ran } = {}): void {
    draft.decided.add(call);
    draft.pending.push({ type: "settled", call, ok: true, value, ...more });
  },
  fail(draft: RunDraft, call: string, error: Payload, label?: SettledLabel, ran?: Ran): void {
    draft.decided.add(call);
    draft.pending.push({ type: "settled", call, ok: false, error, label, ran });
  },
  async close(draft: RunDraft, event: Extract<RunEvent, { type: "settled" }>, open: OpenCall): Promise<void> {
    const { state } = draft;
    delete state.open[event.call];
    draft.openCount--;
    if (open.timer !== undefined) draft.effects.push({ do: "untimer", id: open.timer });
    if (open.kind !== "acquire") for (const request of open.holds ?? []) release(draft, request);
    if (!event.ok && state.returned?.ok && !open.awaited && open.role === undefined && event.label !== "Cancelled")
      state.returned = { ok: false, error: event.error };
    beginHooks(draft, event, open);
    for (const id of draft.waitingFor(event.call)) {
      const other = state.open[id];
      if (!other) continue;
      if (other.map?.follows === event.call) await followMap.ended(draft, id, other, event, open.map);
      if (!other.needs?.includes(event.call)) continue;
      if (!event.ok) {
        other.needs = undefined;
        if (!settle.decided(draft, id)) notReady(draft, id, event.call);
        continue;
      }
      other.needs = other.needs.filter((need) => need !== event.call);
      if (other.needs.length > 0) continue;
      other.needs = undefined;
      if (other.kind === "map") await dependencyOfMapSettled(draft, id, other);
      else await ready(draft, id);
    }
  },
};

/** A timer fired. */
export async function fired(draft: RunDraft, timer: string): Promise<void> {
  const { state } = draft;
  if (timer === state.retryTimer) return retryFlow(draft);
  if (timer === state.timeoutTimer) return timeOutFlow(draft);
  for (const [call, open] of Object.entries(state.open)) {
    if (open.map && pieceTimer(draft, call, open, timer)) return;
    if (open.timer !== timer) continue;
    open.timer = undefined;
    if (open.kind === "sleep") return settle.ok(draft, call);
    if (open.kind === "input") return settle.ok(draft, call, "null", { label: "TimedOut" });
    if (open.kind === "pause")
      return settle.fail(draft, call, encodeError(new WindhoverError("WH1401", { message: "Nobody resumed the run in time." })), "TimedOut");
    open.waits = undefined;
    // Where it asks for a slot first, nothing else would be logged, and the firing would be lost with this turn.
    draft.log({ type: "woken", call, timer });
    return ready(draft, call);
  }
}

/** What others report to a call. */
export const reportOf = {
  child(draft: RunDraft, message: Extract<RunMessage, { kind: "ended" }>): void {
    const call = message.call;
    const open = call === undefined ? undefined : draft.state.open[call];
    if (call === undefined || !open || open.child !== message.run || settle.decided(draft, call)) return;
    if (message.state === "COMPLETED") return settle.ok(draft, call, message.value);
    const error =
      message.error ??
      encodeError(new WindhoverError("WH1407", { message: `The subflow "${open.name}" (run ${message.run}) ended as ${message.state}.`, got: message.state }));
    settle.fail(draft, call, error, message.state === "CANCELLED" ? "Cancelled" : message.state === "CRASHED" ? "Crashed" : undefined);
  },
  async grant(draft: RunDraft, message: Extract<RunMessage, { kind: "grant" }>): Promise<void> {
    const { state } = draft;
    const { request, fence, limit } = message;
    if (state.held?.[request]?.fence === fence) return;
    const found = Object.entries(state.open).find(([id, open]) => open.request === request && open.waits === "slot" && !settle.decided(draft, id));
    const piece = found ? undefined : Object.entries(state.open).find(([, open]) => open.map?.open.some((p) => p.request === request));
    if (!found && !piece) return draft.send(limitActor(limit), { kind: "release", id: `release:${request}:${fence}`, request, fence });
    const rate = found?.[1].wants?.[0]?.rate === true;
    if (!rate) (state.held ??= {})[request] = { limit, fence, ...(found?.[1].kind === "acquire" && { block: true as const }) };
    const call = (found ?? piece)?.[0] as string;
    draft.log({ type: "granted", call, request, fence, limit });
    if (piece) return grantedPiece(draft, call, piece[1], request);
    const open = (found as [string, OpenCall])[1];
    open.waits = undefined;
    (open.holds ??= []).push(request);
    open.wants = open.wants?.slice(1);
    if (state.paused && open.kind !== "acquire") {
      // It keeps the slots that it has and goes on asking for the rest: giving them back would lose its place.
      open.waits = undefined;
    }
    askForSlot(draft, call);
  },
  refusal(draft: RunDraft, message: Extract<RunMessage, { kind: "refuse" }>): void {
    const found = Object.entries(draft.state.open).find(
      ([id, open]) => (open.request === message.request || open.map?.open.some((p) => p.request === message.request)) && !settle.decided(draft, id),
    );
    if (found) settle.fail(draft, found[0], message.error);
  },
};

/** The run is being cancelled: what the log alone can end ends now; what runs is told to stop and has to report first (rule 16). */
export function cancelCall(draft: RunDraft, call: string, open: OpenCall): void {
  if (settle.decided(draft, call)) return;
  const launching = draft.launches.indexOf(call);
  if (launching >= 0) draft.launches.splice(launching, 1);
  if (open.kind === "map") return cancelMap(draft, call, open);
  if (open.kind === "flow" && open.attempt)
    return draft.send(runActor(open.child as string), { kind: "cancel", id: `cancel:${draft.id}`, why: draft.state.cancel?.why });
  const runs =
    open.attempt !== undefined && open.attempt > 0 && launching < 0 && open.waits === undefined && open.timer === undefined && open.needs === undefined;
  if (runs && (open.kind === undefined || open.kind === "builtin")) return;
  if (open.waits === "slot" && open.request !== undefined) withdraw(draft, open.request, open.wants?.[0]?.name ?? "");
  settle.fail(draft, call, cancelError(draft), "Cancelled");
}
