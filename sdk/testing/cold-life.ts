/** A life of a flow that is brought to where a log ends, in no backend: for those who ask what the code makes of a log. */
import { Book } from "../../engine/book.ts";
import { decode } from "../../engine/codec.ts";
import type { Code } from "../../engine/definition.ts";
import { factsOf } from "../../engine/effects.ts";
import { WindhoverError } from "../../engine/errors.ts";
import type { Entry, RunEvent } from "../../engine/events.ts";
import { Instance } from "../../engine/instance.ts";
import { resultsOf } from "../../engine/items.ts";
import { inputs } from "../../engine/needs.ts";
import { type Reader, readValue, replay } from "../../engine/replay.ts";
import type { RunState } from "../../engine/run-state.ts";

/**
 * What it leaves has to be dropped by the caller. With `code`, a result that is not stored is computed again by its task; without, it is undefined.
 * @throws WH1003 for entries without a start.
 */
export async function coldLife(
  entries: readonly Entry<RunState, RunEvent>[],
  fn: (parameters: never) => unknown,
  text: Reader["text"],
  code?: Code,
): Promise<Instance> {
  const book = Book.from(entries);
  const last = entries.at(-1);
  if (!book.started || !last)
    throw new WindhoverError("WH1003", { message: "The history has no start.", expected: "what history() returned", got: `${entries.length} entries` });
  const reader: Reader = {
    text,
    async value(event, kind) {
      if (event.value !== undefined) return readValue(event.value, reader);
      if (kind === "map") return resultsOf(book.calls.get(event.call)?.items ?? [], reader);
      return event.hash === undefined || !code ? undefined : computedAgain(event.call, book, reader, code);
    },
  };
  const parameters = decode(await text(book.started.parameters));
  const { seed, flags } = book.started;
  const instance = new Instance({ run: factsOf(last.actor, book), parameters, seed, attempt: book.attempt, flags });
  instance.read = reader;
  await replay(instance, fn, entries, book, reader);
  return instance;
}

async function computedAgain(call: string, book: Book, reader: Reader, code: Code): Promise<unknown> {
  const called = book.calls.get(call)?.called;
  const task = called && code.task(called.task ?? called.name, called.variant);
  if (!task) return undefined;
  const deps = await inputs(book, called.deps, reader);
  const args = decode(await reader.text(called.args ?? "[]"), { resolve: (id) => deps.get(id) }) as never[];
  return task.fn(...args);
}
