/** A life of a flow that is brought to where a log ends, in no backend: for those who ask what the code makes of a log. */
import { Book } from "../../engine/book.ts";
import { decode } from "../../engine/codec.ts";
import { factsOf } from "../../engine/effects.ts";
import { WindhoverError } from "../../engine/errors.ts";
import type { Entry, RunEvent } from "../../engine/events.ts";
import { Instance } from "../../engine/instance.ts";
import { resultsOf } from "../../engine/items.ts";
import { type Reader, readValue, replay } from "../../engine/replay.ts";
import type { RunState } from "../../engine/run-state.ts";

/** What it leaves has to be dropped by the caller. @throws WH1003 for entries without a start. */
export async function coldLife(entries: readonly Entry<RunState, RunEvent>[], fn: (parameters: never) => unknown, text: Reader["text"]): Promise<Instance> {
  const book = Book.from(entries);
  const last = entries.at(-1);
  if (!book.started || !last)
    throw new WindhoverError("WH1003", { message: "The history has no start.", expected: "what history() returned", got: `${entries.length} entries` });
  const reader: Reader = {
    text,
    async value(event, kind) {
      if (event.value !== undefined) return readValue(event.value, reader);
      return kind === "map" ? resultsOf(book.calls.get(event.call)?.items ?? [], reader) : undefined;
    },
  };
  const parameters = decode(await text(book.started.parameters));
  const instance = new Instance({ run: factsOf(last.actor, book), parameters, seed: book.started.seed, attempt: book.attempt });
  instance.read = reader;
  await replay(instance, fn, entries, book, reader);
  return instance;
}
