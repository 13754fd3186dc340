/** How a run begins: the first message of an empty log. */
import { Book } from "./book.ts";
import { decode, encode, encodeError } from "./codec.ts";
import { crashRun, refuseStart } from "./ending.ts";
import { WindhoverError } from "./errors.ts";
import { BEHAVIOUR_FLAGS, type Payload } from "./events.ts";
import { beginHook } from "./hooks.ts";
import { beginFunction, definitionOf } from "./life.ts";
import type { RunMessage, StartMessage } from "./messages.ts";
import { assignGiven } from "./optional.ts";
import type { RunDraft } from "./run-draft.ts";
import type { RunState } from "./run-state.ts";
import { checkParameters } from "./schema.ts";
import { handedOn } from "./slots.ts";

/** What is cancelled before it has begun does not begin, also where its start came with the cancel. */
export function cancelFirst(messages: readonly RunMessage[]): readonly RunMessage[] {
  const cancel = messages.find(({ kind }) => kind === "cancel");
  return cancel ? [cancel, ...messages.filter((message) => message !== cancel)] : messages;
}

/** The first message of an empty log; `all` are those of the turn. */
export async function takeFirst(draft: RunDraft, message: RunMessage, all: readonly RunMessage[]): Promise<void> {
  const { state } = draft;
  draft.book = new Book();
  if (message.kind === "start") {
    noteStart(state, message, draft.now, draft.context.build);
    await startCode(draft, message);
  } else if (message.kind === "cancel") {
    state.row = { type: "SCHEDULED", name: "Scheduled", timestamp: draft.now };
    state.createdAt = draft.now;
    Object.assign(state, message.of);
    const start = all.find(({ kind }) => kind === "start") as StartMessage | undefined;
    if (start) noteStart(state, start, draft.now);
    refuseStart(draft, "CANCELLED", "Cancelled", undefined, message.why ?? "Cancelled before it started.");
  } else if (message.kind === "dead") {
    if (message.message.kind === "start") noteStart(state, message.message, draft.now);
    crashRun(draft, new WindhoverError("WH1403", { message: `The run could not be started: ${message.why}` }), message.message);
  }
}

function noteStart(state: RunState, start: StartMessage, now: number, here?: string): void {
  const build = start.build ?? here;
  const { flow, name, tags, starter, deployment, scheduledTime, createdAt, version, depth, heldAbove, origin, inherits, overrides } = start;
  Object.assign(state, { flow, name, createdAt, startedAt: now, row: { type: "SCHEDULED", name: "Scheduled", timestamp: createdAt } });
  const optional = {
    tags: tags?.length ? tags : undefined,
    starter,
    deployment,
    scheduledTime,
    version,
    build,
    depth,
    heldAbove,
    overrides,
    origin: origin?.run,
  };
  assignGiven(state, optional);
  if (inherits) Object.assign(state, { origin: inherits.run, inputs: [...inherits.inputs], seen: [...inherits.seen], held: handedOn(inherits.held) });
}

/** The start of a run: its parameters are checked before anything runs. */
async function startCode(draft: RunDraft, start: StartMessage): Promise<void> {
  const { state, context } = draft;
  const definition = definitionOf(draft);
  const { flow, name, tags, starter, deployment, scheduledTime, version, depth, origin, overrides } = start;
  const given = typeof start.parameters === "string" ? start.parameters : await draft.reader.text(start.parameters);
  const checked = await checkParameters(definition, decode(given));
  const parameters: Payload = checked.ok && start.problem === undefined ? encode(checked.value) : start.parameters;
  draft.log({
    type: "started",
    flow,
    name,
    parameters,
    seed: draft.id,
    flags: BEHAVIOUR_FLAGS,
    tags: tags?.length ? tags : undefined,
    starter,
    deployment,
    scheduledTime,
    version: version ?? definition.version,
    ...(state.build !== undefined && { build: state.build }),
    depth,
    origin,
    overrides,
  });
  if (start.skip !== undefined) return refuseStart(draft, "CANCELLED", "Skipped", undefined, start.skip);
  if (start.problem !== undefined) return refuseStart(draft, "FAILED", "Failed", start.problem);
  if (!checked.ok) return refuseStart(draft, "FAILED", "Failed", encodeError(checked.error));
  draft.move("RUNNING", "Running");
  if (definition.timeoutSeconds !== undefined) {
    state.timeoutTimer = `timeout@${context.n}`;
    state.timeoutAt = draft.now + definition.timeoutSeconds * 1000;
    draft.effects.push({ do: "timer", id: state.timeoutTimer, at: state.timeoutAt });
  }
  if (definition.hooks.onRunning?.length)
    beginHook(draft, flow, { of: "", hook: "onRunning", flow: true, state: "RUNNING", name: "Running" }, { onRunning: definition.hooks.onRunning.length });
  await beginFunction(draft, definition);
}
