/** Calls: how one begins, waits for what it needs, is launched, settles, and is cancelled. A call is open from its `called` event to its `settled` event. */
import type { ItemsEvent } from "./book.ts";
import { decode, encode, encodeError, hash } from "./codec.ts";
import { WindhoverError } from "./errors.ts";
import { type ArtifactRow, type CallSpec, type LimitWanted, NESTED_BLOCK, type Payload, type RunEvent } from "./events.ts";
import { beginHooks } from "./hooks.ts";
import type { Command } from "./instance.ts";
import { LIMITS } from "./limits.ts";
import { cancelMap, dependencyOfMapSettled, followMap, handOut, startMap } from "./map.ts";
import { runActor } from "./messages.ts";
import { runName } from "./names.ts";
import { callOf, endOf, itemEnd, itemOf } from "./needs.ts";
import { assignGiven } from "./optional.ts";
import { mayReuse, reusable, takeOverMap } from "./reuse.ts";
import type { RunDraft } from "./run-draft.ts";
import type { OpenCall } from "./run-state.ts";
import { cancelError, settle } from "./settle.ts";
import { askForBlock, askForSlot, release, withdraw } from "./slots.ts";

/** The flow's code made a new call. Nothing is returned where there is nothing to wait for: every call of every flow passes here, and each promise costs it something. */
export function begin(draft: RunDraft, command: Command): Promise<void> | undefined {
  const { call, kind } = command;
  if (kind === "flow") return beginWith(draft, command, { ...command.spec, child: hash(`${draft.id}/${call}`).slice(0, 16) });
  const { limit } = command.spec;
  if (limit?.of !== undefined) return withSlots(draft, limit, limit.of).then((wanted) => beginWith(draft, command, { ...command.spec, limit: wanted }));
  const spec = inPoolOfFlow(draft, command);
  if (!spec.tags?.length) return beginWith(draft, command, spec);
  return withTagLimits(draft, spec, spec.tags).then((limited) => beginWith(draft, command, limited));
}

function beginWith(draft: RunDraft, command: Command, spec: CallSpec): Promise<void> | undefined {
  const { state } = draft;
  const { call, kind, name } = command;
  state.calls++;
  draft.log({ type: "called", call, kind, name, ...spec });
  const { retries, crashRetries, timeoutSeconds, pool, limits, within, role, hooks, child, input, until } = spec;
  const open: OpenCall = { name };
  const known = { kind: kind === "task" ? undefined : kind, retries, crashRetries, timeoutSeconds, pool, limits, within, role, hooks, child, input, until };
  assignGiven(open, known);
  state.open[call] = open;
  draft.openCount++;
  if (command.invalid !== undefined) settle.fail(draft, call, encodeError(command.invalid));
  else if (draft.openCount > LIMITS.openCalls)
    settle.fail(
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
  else if (mayReuse(state))
    return reusable(draft, command).then((reused) => {
      if (reused?.items) takeOverMap(draft, call, open, reused.items);
      else if (reused) settle.ok(draft, call, reused.value, { label: "Reused" });
      else return enter(draft, command, spec, open);
    });
  else return enter(draft, command, spec, open);
  return undefined;
}

/** The call is in the log: what it stands for begins, or waits for what it needs. */
function enter(draft: RunDraft, command: Command, spec: CallSpec, open: OpenCall): Promise<void> | undefined {
  const { call, kind, name } = command;
  if (draft.state.cancel && turnedAway(draft, command)) {
    settle.fail(draft, call, cancelError(draft), "Cancelled");
    return undefined;
  }
  switch (kind) {
    case "task":
    case "builtin":
    case "flow":
    case "map":
      return waitForNeeds(draft, call, [...(spec.deps ?? []), ...(spec.after ?? [])]);
    case "sleep":
    case "pause":
      waitUntil(draft, call, open);
      break;
    case "input":
      waitForInput(draft, call, open);
      break;
    case "acquire":
      askForBlock(draft, call, open, spec.limit);
      break;
    case "release":
      if (spec.request !== undefined) release(draft, spec.request);
      settle.ok(draft, call);
      break;
    case "artifact":
      writeArtifact(draft, call, spec.detail as string);
      settle.ok(draft, call);
      break;
    case "emit":
      draft.effects.push({ do: "emit", id: `${draft.id}/${call}`, type: name, detail: spec.detail as Payload });
      settle.ok(draft, call);
      break;
  }
  return undefined;
}

/** A task that names no pool runs in its flow's. Which one that was is logged with the call. */
function inPoolOfFlow({ state, context }: RunDraft, { kind, spec }: Command): CallSpec {
  const pool = kind === "task" || kind === "map" ? context.code.flows.get(state.flow)?.pool : undefined;
  return pool === undefined || spec.pool !== undefined ? spec : { ...spec, pool };
}

/** An operator may have set a limit for a tag: it is taken like one that the code declares. Which limits there are is logged with the call. */
async function withTagLimits(draft: RunDraft, spec: CallSpec, named: readonly string[]): Promise<CallSpec> {
  const set = await draft.context.limits();
  const tags = named.filter((tag) => set.has(tag)).map((name): LimitWanted => ({ name }));
  return tags.length === 0 ? spec : { ...spec, limits: [...(spec.limits ?? []), ...tags].sort((a, b) => (a.name < b.name ? -1 : 1)) };
}

/** What is set for all keys of a limit holds for each; the limit of the key itself, which may be set as well, knows better. */
async function withSlots(draft: RunDraft, wanted: LimitWanted, of: string): Promise<LimitWanted> {
  const slots = (await draft.context.limits()).get(of);
  return slots === undefined ? wanted : { ...wanted, slots };
}

/** While a run is being cancelled its `finally` blocks may still run tasks, a bounded number of them; new waits are turned away. */
function turnedAway(draft: RunDraft, { kind, spec }: Command): boolean {
  const cancel = draft.state.cancel as { calls: number };
  if (spec.role === "rollback" || kind === "release" || kind === "artifact" || kind === "emit") return false;
  if (kind !== "task" && kind !== "builtin" && kind !== "map") return true;
  return ++cancel.calls > LIMITS.cleanupCalls;
}

function waitForNeeds(draft: RunDraft, call: string, needs: readonly string[]): Promise<void> | undefined {
  const { state, book } = draft;
  const unsettled: string[] = [];
  for (const need of new Set(needs)) {
    const end = book ? endOf(book, need) : undefined;
    if (end?.ok === false) {
      notReady(draft, call, need, end.error);
      return undefined;
    }
    if (!end && state.open[callOf(need, (id) => id in state.open)]) unsettled.push(need);
  }
  if (unsettled.length === 0) return ready(draft, call);
  (state.open[call] as OpenCall).needs = unsettled;
  for (const need of unsettled) draft.waits(call, need);
  return undefined;
}

/** A call whose input failed fails too, without having run. */
function notReady(draft: RunDraft, call: string, failed: string, error: Payload | undefined): void {
  const message = `"${call}" did not run, because "${failed}", which it depends on, failed.`;
  settle.failOf(draft, call, error, (cause) => new WindhoverError("WH1404", { message, got: failed, cause }), "NotReady");
}

/** All that the call waits for is there: take its slots, then launch it. */
export function ready(draft: RunDraft, call: string): Promise<void> | undefined {
  const open = draft.state.open[call];
  if (!open || settle.decided(draft, call)) return undefined;
  if (draft.state.paused) {
    open.waits = "pause";
    open.since = draft.now;
  } else if (open.kind === "map") return startMap(draft, call, open);
  else if (open.kind === "flow") startChild(draft, call, open);
  else {
    open.wants = open.limits ?? [];
    askForSlot(draft, call);
  }
  return undefined;
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
          message: `"${open.name}" would be nested ${depth} flows deep.`,
          expected: `at most ${LIMITS.depth}`,
          got: String(depth),
        }),
      ),
    );
  const child = open.child as string;
  const spec = draft.book?.calls.get(call)?.called;
  const heldAbove = [...new Set([...(state.heldAbove ?? []), ...blocksAround(draft, open)])];
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

/** Limits whose blocks are around the subflow. A run that began before calls noted that has it taken for inside of every block that it holds, for it must not wait for itself. */
function blocksAround({ state, book }: RunDraft, { within = [] }: OpenCall): readonly string[] {
  if (book?.started?.flags.includes(NESTED_BLOCK)) return within;
  return Object.values(state.held ?? {}).flatMap(({ block, limit }) => (block ? [limit] : []));
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

function writeArtifact(draft: RunDraft, call: string, detail: string): void {
  const { key, kind, data } = decode(detail) as { key: string; kind: ArtifactRow["kind"]; data: unknown };
  draft.effects.push({
    do: "artifact",
    row: { id: `${draft.id}/${key}`, run: draft.id, call, key, kind, data: encode(data), at: draft.now, seq: draft.state.calls },
  });
}

/** What follows when a settlement enters the log. */
export function close(draft: RunDraft, event: Extract<RunEvent, { type: "settled" }>, open: OpenCall): Promise<void> | undefined {
  const { state } = draft;
  delete state.open[event.call];
  draft.openCount--;
  if (open.timer !== undefined) draft.effects.push({ do: "untimer", id: open.timer });
  if (open.kind !== "acquire") for (const request of open.holds ?? []) release(draft, request);
  // A map that fails as a whole may have pieces out, whose reports nobody will look at.
  for (const piece of open.map?.open ?? []) for (const request of piece.holds ?? []) release(draft, request);
  if (!event.ok && state.returned?.ok && !open.awaited && open.role === undefined && event.label !== "Cancelled")
    state.returned = { ok: false, error: event.error };
  beginHooks(draft, event, open);
  const waiting = draft.waitingFor(event.call);
  return waiting.length > 0 ? tellThoseWhoWait(draft, event, open, waiting) : undefined;
}

async function tellThoseWhoWait(draft: RunDraft, event: Extract<RunEvent, { type: "settled" }>, open: OpenCall, waiting: readonly string[]): Promise<void> {
  const { state } = draft;
  // What they were called with stands in the log. Where the flow has returned, nobody else may have read it.
  await draft.needBook();
  for (const id of waiting) {
    const other = state.open[id];
    if (!other) continue;
    if (other.map?.follows === event.call) await followMap.ended(draft, id, other, event, open.map);
    // An item of a map that has ended, and that is still waited for, never came to run.
    const lost = open.kind === "map" ? other.needs?.find((need) => itemOf(need, (call) => call === event.call)) : undefined;
    if (lost !== undefined) notMet(draft, id, other, lost, event.ok ? undefined : event.error);
    else if (!other.needs?.includes(event.call)) continue;
    else if (event.ok) await met(draft, id, other, [event.call]);
    else notMet(draft, id, other, event.call, event.error);
  }
}

/** Some of a map's items have ended: maps that follow it take them over, and calls of which they are inputs may begin. */
export async function itemsEnded(draft: RunDraft, event: ItemsEvent): Promise<void> {
  const own = draft.state.open[event.call];
  if (own) handOut(draft, event.call, own);
  followMap.items(draft, event);
  for (const id of draft.waitingFor(event.call)) {
    const other = draft.state.open[id];
    const ends = (other?.needs ?? []).flatMap((need) => {
      const item = itemOf(need, (call) => call === event.call);
      const end = item && itemEnd([event], item.index);
      return end ? [{ need, end }] : [];
    });
    const [first] = ends;
    if (!other || !first) continue;
    const failed = ends.find(({ end }) => !end.ok);
    if (failed && !failed.end.ok) notMet(draft, id, other, failed.need, failed.end.error);
    else
      await met(
        draft,
        id,
        other,
        ends.map(({ need }) => need),
      );
  }
}

function notMet(draft: RunDraft, call: string, open: OpenCall, need: string, error: Payload | undefined): void {
  open.needs = undefined;
  if (!settle.decided(draft, call)) notReady(draft, call, need, error);
}

async function met(draft: RunDraft, call: string, open: OpenCall, there: readonly string[]): Promise<void> {
  const left = open.needs?.filter((need) => !there.includes(need)) ?? [];
  open.needs = left.length > 0 ? left : undefined;
  if (open.needs) return;
  if (open.kind === "map") await dependencyOfMapSettled(draft, call, open);
  else await ready(draft, call);
}

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
