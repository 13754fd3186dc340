/** What a run's turn needs of the outside, gathered from the ports: the log's history, stored values, limits that are set, and results that are computed again. */
import { runAttempt } from "./attempt.ts";
import { Book } from "./book.ts";
import { decode, encode, hash } from "./codec.ts";
import { factsOf, itemOf } from "./effects.ts";
import { WindhoverError } from "./errors.ts";
import type { Entry, RunEvent } from "./events.ts";
import type { Host } from "./host.ts";
import { resultsOf } from "./items.ts";
import { LIMITS } from "./limits.ts";
import { sayable } from "./log-line.ts";
import { parseActor, runActor } from "./messages.ts";
import { payloadText } from "./payload.ts";
import type { LogLine } from "./ports.ts";
import type { Reader } from "./replay.ts";
import type { RunContext } from "./run-draft.ts";
import type { RunState } from "./run-state.ts";
import { shared } from "./scope.ts";

/** The limits that an operator has set, as one turn knows them: each call with a tag asks for them, so they are read once, and again in a turn that has gone on for long. */
export function limitsOfTurn({ ports: { clock, registry } }: Host): RunContext["limits"] {
  const read = async (): Promise<ReadonlyMap<string, number>> =>
    new Map((await registry.list("limit")).map(({ key, value }) => [key, (decode(value.value as string) as { limit: number }).limit]));
  let last: { readonly at: number; readonly limits: Promise<ReadonlyMap<string, number>> } | undefined;
  return () => {
    const at = clock.now();
    if (!last || at - last.at > LIMITS.limitsKnownMs) last = { at, limits: read() };
    return last.limits;
  };
}

export function runContext(
  host: Host,
  actor: string,
  tail: Entry | null,
  { now, queueNext, living, limits }: Pick<RunContext, "now" | "queueNext" | "living" | "limits">,
): RunContext {
  const { log } = host.ports;
  const n = (tail?.n ?? 0) + 1;
  let lines = 0;
  let history: Promise<readonly Entry[]> | undefined;
  return {
    actor,
    n,
    now,
    code: host.code,
    build: host.build,
    living,
    queueNext,
    inlineMs: host.inlineMs,
    history: async () => {
      history ??= tail ? log.read(actor, 1, tail.n) : Promise.resolve([]);
      return (await history) as readonly { at: number; events: readonly RunEvent[] }[];
    },
    read: (book) => runReader(host, actor, book),
    limits,
    writeLog: (level, message, fields) => {
      const run = parseActor(actor).name;
      const line: LogLine = { id: `${run}/flow/${n}/${lines++}`, run, at: now, level, ...sayable(message, fields) };
      // It is the flow's code that calls this, and a timer that a backend or a listener sets must not be taken for one of the flow's.
      shared.scopes.exit(() => {
        host.onLog?.(line);
        host.ports.logs.write([line]).catch(() => {});
      });
    },
    bookOf: async (run) => Book.from(await log.read(runActor(run))),
  };
}

export function runReader(host: Host, actor: string, book: () => Book): Reader {
  const text: Reader["text"] = (payload) => payloadText(payload, host.ports.results);
  const reader: Reader = {
    text,
    async value(event, kind) {
      if (event.value !== undefined) return decode(typeof event.value === "string" ? event.value : await text(event.value));
      if (kind === "map") return resultsOf(book().calls.get(event.call)?.items ?? [], reader);
      if (event.hash !== undefined) return decode(book().transients.get(event.call) ?? (await recompute(event.call, event.hash)));
      return undefined;
    },
  };
  /** `persistResult: false`: the log has only the hash, so the task runs again, and has to come to the same. */
  async function recompute(call: string, expected: string): Promise<string> {
    const effect = { do: "inline" as const, call, attempt: 1 };
    const item = await itemOf({ reader }, book(), { open: {} } as RunState, effect);
    const report = item && (await runAttempt(unmarked(host), actor, factsOf(actor, book()), item));
    const value = report?.ok ? (report.value as string) : encode(undefined);
    if (!report?.ok || hash(value) !== expected)
      throw new WindhoverError("WH1205", {
        message: `"${call}" is not stored (persistResult: false), and running it again gave another result.`,
        expected: `a result with the hash ${expected}`,
        got: report?.ok ? hash(value) : "a failure",
      });
    book().transients.set(call, value);
    return value;
  }
  return reader;
}

/** What is computed again has come to its end before: a cancel that was meant for it then is not meant for it now. */
function unmarked(host: Host): Host {
  const { aborts } = host.ports;
  return { ...host, ports: { ...host.ports, aborts: { ...aborts, marked: async () => false, watch: () => () => {} } } };
}
