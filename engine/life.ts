/** The lives of a flow's function: it begins with the run, and again, from the top, where it failed and has retries left. */
import { decode } from "./codec.ts";
import type { FlowDefinition } from "./definition.ts";
import type { Payload } from "./events.ts";
import { verdictOf } from "./retry.ts";
import type { RunDraft } from "./run-draft.ts";
import { Sequence } from "./sequence.ts";

/** The flow as it is defined, with what the caller of this run set to other values. */
export function definitionOf({ context, state }: RunDraft): FlowDefinition {
  const definition = context.code.flow(state.flow);
  return state.overrides ? { ...definition, ...state.overrides } : definition;
}

export async function beginFunction(draft: RunDraft, definition: FlowDefinition): Promise<void> {
  const instance = await draft.newInstance();
  draft.instance = instance;
  instance.now = draft.now;
  await instance.begin(definition.fn);
  const begun = draft.beginNew();
  if (begun) await begun;
}

/** How long it waits for its next try, or undefined where it has none. Unit: milliseconds. */
export async function retryDelayMs(draft: RunDraft, failure: Payload): Promise<number | undefined> {
  const { attempt } = draft.state;
  const definition = definitionOf(draft);
  if (attempt > (definition.retries ?? 0)) return undefined;
  const error = decode(await draft.reader.text(failure));
  const drawn = new Sequence(`${draft.id}/retry/${attempt}`).fraction();
  const verdict = verdictOf(error, attempt, definition, drawn, (why) => draft.context.writeLog("error", why));
  return verdict.again ? (verdict.delayMs ?? 0) : undefined;
}

export function awaitRetry(draft: RunDraft, at: number, error: Payload): void {
  const { state } = draft;
  state.returned = undefined;
  draft.instance?.drop();
  draft.instance = null;
  draft.log({ type: "retrying", attempt: state.attempt + 1, at, error });
  setRetryTimer(draft, at);
}

function setRetryTimer(draft: RunDraft, at: number): void {
  const { state } = draft;
  state.retryTimer = `retry@${draft.context.n}`;
  draft.effects.push({ do: "timer", id: state.retryTimer, at });
  draft.move("SCHEDULED", "AwaitingRetry", {
    reason: { code: "retry", message: `It failed and tries again (attempt ${state.attempt + 1}).`, since: draft.now, until: at },
  });
}

/** It was paused while it waited for its next try. Its timer may have fired meanwhile, and then nobody has heard it. */
export async function awaitRetryAgain(draft: RunDraft): Promise<void> {
  const { retryAt = draft.now } = await draft.needBook();
  draft.effects.push({ do: "untimer", id: draft.state.retryTimer as string });
  if (retryAt <= draft.now) return retryFlow(draft);
  setRetryTimer(draft, retryAt);
}

/** The delay is over: the function runs again from the top, and takes over what completed (see `reuse.ts`). */
export async function retryFlow(draft: RunDraft): Promise<void> {
  const { state } = draft;
  await draft.needBook();
  state.retryTimer = undefined;
  state.attempt++;
  draft.log({ type: "rerun", attempt: state.attempt });
  draft.move("RUNNING", "Retrying");
  await beginFunction(draft, definitionOf(draft));
}
