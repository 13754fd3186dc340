/** Replays a run's log on the code that is loaded now. */
import { decode, decodeError, encode } from "../../engine/codec.ts";
import type { FlowDefinition } from "../../engine/definition.ts";
import { WindhoverError } from "../../engine/errors.ts";
import type { Entry, Payload, RunEvent } from "../../engine/events.ts";
import type { Instance } from "../../engine/instance.ts";
import type { Reader } from "../../engine/replay.ts";
import type { RunState } from "../../engine/run-state.ts";
import type { State } from "../../engine/state.ts";
import type { Flow } from "../flow.ts";
import { stateOf } from "../summary.ts";
import { definitionKey } from "../task.ts";
import { coldLife } from "./cold-life.ts";

/** @throws WindhoverError WH1201 when the code does not match the history. */
export async function replayHistory<P, R>(target: Flow<P, R>, history: readonly unknown[], read?: (payload: Payload) => Promise<string>): Promise<State<R>> {
  const { fn } = (target as unknown as { readonly [definitionKey]: FlowDefinition })[definitionKey];
  const entries = history as readonly Entry<RunState, RunEvent>[];
  const text: Reader["text"] = async (payload) => {
    if (typeof payload === "string") return payload;
    if (read) return read(payload);
    throw new WindhoverError("WH3007", { message: "The history refers to a stored result that is not part of it.", got: payload.ref });
  };
  const instance = await coldLife(entries, fn, text);
  instance.drop();
  if (instance.fatal) throw instance.fatal;
  await compareEnds(entries, instance, text);
  const { row, result, error, scheduledTime: nominal } = (entries.at(-1) as Entry<RunState, RunEvent>).state;
  return stateOf(
    row,
    nominal,
    result === undefined ? undefined : decode(await text(result)),
    error === undefined ? undefined : decodeError(await text(error)),
  ) as State<R>;
}

/** The log says how the function ended: the code has to end so too. */
async function compareEnds(entries: readonly Entry<RunState, RunEvent>[], { outcome }: Instance, text: Reader["text"]): Promise<void> {
  const last = entries.flatMap(({ events }) => events).findLast((event) => event.type === "returned" || event.type === "rerun");
  if (last?.type !== "returned") return;
  const differs = (expected: string, got: string): WindhoverError =>
    new WindhoverError("WH1201", { message: `The flow's code does not match its log: the log ends with ${expected}, the code with ${got}.`, expected, got });
  if (!outcome) throw differs("the end of the flow", "a wait for something else");
  if (!last.ok) return;
  const expected = last.value === undefined ? "undefined" : await text(last.value);
  const got = outcome.ok ? encode(outcome.value) : "a failure";
  if (got !== expected) throw differs(expected, got);
}
