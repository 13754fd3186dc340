/** Replays a run's log on the code that is loaded now. */
import { Book } from "../../engine/book.ts";
import { decode, decodeError, encode } from "../../engine/codec.ts";
import type { FlowDefinition } from "../../engine/definition.ts";
import { WindhoverError } from "../../engine/errors.ts";
import type { Entry, Payload, RunEvent } from "../../engine/events.ts";
import { Instance } from "../../engine/instance.ts";
import { resultsOf } from "../../engine/map.ts";
import { parseActor } from "../../engine/messages.ts";
import { type Reader, readValue, replay } from "../../engine/replay.ts";
import type { RunState } from "../../engine/run-state.ts";
import type { State } from "../../engine/state.ts";
import type { Flow } from "../flow.ts";
import { stateOf } from "../ports-client.ts";
import { definitionKey } from "../task.ts";

/** @throws WindhoverError WH1201 when the code does not match the history. */
export async function replayHistory<P, R>(target: Flow<P, R>, history: readonly unknown[], read?: (payload: Payload) => Promise<string>): Promise<State<R>> {
  const { fn } = (target as unknown as { readonly [definitionKey]: FlowDefinition })[definitionKey];
  const entries = history as readonly Entry<RunState, RunEvent>[];
  const book = Book.from(entries);
  const last = entries.at(-1);
  if (!book.started || !last)
    throw new WindhoverError("WH1003", { message: "The history has no start.", expected: "what history() returned", got: `${entries.length} entries` });
  const { started } = book;
  const text: Reader["text"] = async (payload) => {
    if (typeof payload === "string") return payload;
    if (read) return read(payload);
    throw new WindhoverError("WH3007", { message: "The history refers to a stored result that is not part of it.", got: payload.ref });
  };
  const reader: Reader = {
    text,
    async value(event, kind) {
      if (event.value !== undefined) return readValue(event.value, reader);
      return kind === "map" ? resultsOf(book.calls.get(event.call)?.items ?? [], reader) : undefined;
    },
  };
  const parameters = decode(await text(started.parameters));
  const { name, flow, deployment, scheduledTime, tags = [], version } = started;
  const run = { runId: parseActor(last.actor).name, runName: name, flow, deployment, scheduledTime, parameters: started.parameters, tags, version };
  const instance = new Instance({ run, parameters, seed: started.seed, attempt: book.attempt });
  instance.read = reader;
  await replay(instance, fn, entries, book, reader);
  instance.drop();
  if (instance.fatal) throw instance.fatal;
  await compareEnds(entries, instance, text);
  const { row, result, error, scheduledTime: nominal } = last.state;
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
