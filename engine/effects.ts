/** Performs an entry's effects through the ports. Each may be performed again: its id makes twice the same as once (rule 12). */
import type { Book } from "./book.ts";
import { decode, encode } from "./codec.ts";
import { assert } from "./errors.ts";
import type { Effect, Entry, Payload, Piece, RunRow } from "./events.ts";
import { indicesOf, resultsOf } from "./items.ts";
import type { LateRow } from "./late-row.ts";
import { LIMITS } from "./limits.ts";
import type { Column } from "./map.ts";
import { CANCEL_MARK } from "./marks.ts";
import { parseActor, runActor } from "./messages.ts";
import { encodedInputs, inputs } from "./needs.ts";
import { assignGiven } from "./optional.ts";
import { Packing } from "./packing.ts";
import type { Ports, RunFacts, TaskItem, TaskMessage } from "./ports.ts";
import type { Reader } from "./replay.ts";
import type { RunState } from "./run-state.ts";

type TaskEffect = Extract<Effect, { do: "task" | "inline" }>;

export interface Performer {
  readonly ports: Ports;
  readonly actor: string;
  readonly book: () => Promise<Book>;
  readonly reader: Reader;
  /** Holds rows back while the turn goes on. Without it each is written at once. */
  readonly lateRow?: LateRow;
  /** Told of each row, whether or not it is held back. */
  readonly onRow?: (row: RunRow) => Promise<void>;
}

/**
 * All but the inline attempt, which the turn itself runs. Messages to one actor keep their order; the rest goes side by side and shares the backend's commits. Where an inline
 * attempt is all, as in most steps of a sequence, nothing is made or waited for.
 */
export function perform(performer: Performer, entry: Pick<Entry, "n" | "at" | "state">, effects: readonly Effect[]): Promise<unknown> | undefined {
  const inline = effects.some((effect) => effect.do === "inline");
  return effects.length > (inline ? 1 : 0) ? performAll(performer, entry, effects, inline) : undefined;
}

function performAll(performer: Performer, entry: Pick<Entry, "n" | "at" | "state">, effects: readonly Effect[], inline: boolean): Promise<unknown> {
  const { ports, actor } = performer;
  const work: Promise<unknown>[] = [];
  let mail: Map<string, Promise<void>> | undefined;
  let tasks: TaskEffect[] | undefined;
  for (const effect of effects) {
    switch (effect.do) {
      case "inline":
        break;
      case "task":
        tasks ??= [];
        tasks.push(effect);
        break;
      case "send": {
        mail ??= new Map();
        const before = mail.get(effect.to);
        const sent = before ? before.then(() => ports.mailbox.send(effect.to, effect.message)) : ports.mailbox.send(effect.to, effect.message);
        // What runs inside of the other run's turn does not read mail: the mark reaches it (rule 24).
        mail.set(effect.to, effect.message.kind === "cancel" ? sent.then(() => ports.aborts.mark(effect.to, [CANCEL_MARK])) : sent);
        break;
      }
      case "timer":
        work.push(ports.timers.set(actor, effect.id, effect.at, { kind: "fire", id: `fire:${effect.id}`, timer: effect.id }));
        break;
      case "startTimer":
        work.push(ports.timers.set(runActor(effect.run), "start", effect.at, effect.message));
        break;
      case "untimer":
        work.push(ports.timers.delete(actor, effect.id));
        break;
      case "abort":
        work.push(ports.aborts.mark(actor, effect.calls));
        break;
      case "unmark":
        work.push(ports.aborts.unmark(actor, effect.calls));
        break;
      case "index":
        if (performer.onRow) work.push(performer.onRow(effect.row));
        if (performer.lateRow && inline) performer.lateRow.hold(effect.row);
        else {
          performer.lateRow?.forget();
          work.push(ports.index.putRun(effect.row));
        }
        break;
      case "deploymentIndex":
        work.push(ports.index.putDeployment(effect.row));
        break;
      case "artifact":
        work.push(ports.index.putArtifact(effect.row));
        break;
      case "emit":
        work.push(ports.events.emit({ id: effect.id, type: effect.type, run: parseActor(actor).name, at: entry.at, detail: effect.detail }));
        break;
    }
  }
  if (tasks) work.push(enqueue(performer, entry, tasks));
  if (mail) work.push(...mail.values());
  return work.length === 1 ? (work[0] as Promise<unknown>) : Promise.all(work);
}

async function enqueue(performer: Performer, entry: Pick<Entry, "n" | "state">, effects: readonly TaskEffect[]): Promise<void> {
  const { actor, ports } = performer;
  const book = await performer.book();
  const run = factsOf(actor, book);
  const packing = new Packing(effects.length, (pool, tasks) => ports.tasks.enqueue(pool, messageOf(actor, run, entry.n, tasks)));
  for (const effect of effects) {
    const found = itemOf(performer, book, entry.state as RunState, effect);
    const item = found instanceof Promise ? await found : found;
    const long = (book.took(item?.task ?? "") ?? 0) > LIMITS.packedMs;
    if (item && effect.do === "task") packing.add(effect.pool ?? DEFAULT_POOL, item, effect.alone === true || (long && !item.piece));
  }
  await packing.finish();
}

export const DEFAULT_POOL = "default";

export function messageOf(actor: string, run: RunFacts, n: number, tasks: readonly TaskItem[]): TaskMessage {
  const [first] = tasks;
  return { id: `${actor}/${n}/${first?.call}/${first?.attempt}${first?.piece ? `/${first.piece.id}` : ""}`, actor, run, tasks };
}

export function factsOf(actor: string, book: Book): RunFacts {
  const { started } = book;
  assert(started, "a task was sent by a run that has not started");
  const { name, flow, deployment, scheduledTime, parameters, tags = [], version, build } = started;
  return { runId: parseActor(actor).name, runName: name, flow, deployment, scheduledTime, parameters, tags, version, ...(build !== undefined && { build }) };
}

type Found = TaskItem | undefined;

/** What an executor has to know, from the log: the effect names the call, the `called` event has the rest. At once, unless the values that it takes have to be read. */
export function itemOf(performer: Pick<Performer, "reader">, book: Book, state: RunState, effect: TaskEffect): Found | Promise<Found> {
  const record = book.calls.get(effect.call);
  if (!record) return undefined;
  const { called } = record;
  const { kind, name, task = name, args, timeoutSeconds, tags, transient, variant, overrides, role, detail, limits } = called;
  const piece = effect.do === "task" ? effect.piece : undefined;
  const open = state.open[effect.call];
  const base = { call: effect.call, attempt: effect.attempt, task };
  const failures = piece ? open?.map?.open.find((p) => p.id === piece.id)?.failures : open?.failures;
  const known = {
    args,
    timeoutSeconds,
    tags,
    transient,
    variant,
    overrides,
    failures,
    run: kind === "builtin" ? ("builtin" as const) : role,
    detail: role === "hook" ? detail : undefined,
    piece,
    alone: effect.do === "task" ? effect.alone : undefined,
    claim: effect.do === "task" ? effect.claim : undefined,
    sequential: piece && limits?.length ? (true as const) : undefined,
  };
  const item: TaskItem = assignGiven(base, known);
  if (role === "hook") return hookItem(item, book, performer.reader, args, detail as string);
  if (piece) return rowsOf(book, effect.call, piece, performer.reader).then((rows) => ({ ...item, args: encode(rows), deps: undefined }));
  return called.deps?.length ? encodedInputs(book, called.deps, performer.reader).then((deps) => ({ ...item, deps })) : item;
}

function hookItem(item: TaskItem, book: Book, reader: Reader, outcome: Payload | undefined, detail: string): TaskItem | Promise<TaskItem> {
  const { of, flow, state } = decode(detail) as { of: string; flow?: true; state: string };
  if (flow) return { ...item, args: undefined, outcome: state === "COMPLETED" ? { value: outcome } : { error: outcome } };
  const record = book.calls.get(of);
  const settled = record?.settled;
  // It is told what the task was told; the arguments of a map are those of all of its items.
  const { args, deps = [] } = record && record.called.kind !== "map" ? record.called : {};
  const hook = { ...item, args, outcome: settled && (settled.ok ? { value: settled.value } : { error: settled.error }) };
  return deps.length > 0 ? encodedInputs(book, deps, reader).then((known) => ({ ...hook, deps: known })) : hook;
}

/** The arguments of a piece's items, cut from the map's columns. The decoded columns are kept, for the pieces to come. */
async function rowsOf(book: Book, call: string, piece: Piece, reader: Reader): Promise<unknown[][]> {
  const called = book.calls.get(call)?.called;
  assert(called, "a piece belongs to a map");
  let columns = book.columns.get(call) as readonly Column[] | undefined;
  if (!columns) {
    const values = await inputs(book, called.deps, reader);
    const args = called.args ?? "[]";
    columns = decode(await reader.text(args), { resolve: (id) => values.get(id) }) as readonly Column[];
    book.columns.set(call, columns);
  }
  const indices = indicesOf(piece);
  const followed = new Map<string, readonly unknown[]>();
  for (const column of columns) if ("follow" in column) followed.set(column.follow, await itemsOf(book, column.follow, indices, reader));
  return indices.map((index, i) =>
    (columns as readonly Column[]).map((column) => {
      if ("same" in column) return column.same;
      if ("follow" in column) return followed.get(column.follow)?.[i];
      return (("list" in column ? column.list : column.call) as readonly unknown[])[index];
    }),
  );
}

/** Results of some of another map's items. */
async function itemsOf(book: Book, map: string, indices: readonly number[], reader: Reader): Promise<readonly unknown[]> {
  const wanted = new Set(indices);
  const events = (book.calls.get(map)?.items ?? []).filter(({ piece }) => indicesOf(piece).some((index) => wanted.has(index)));
  const found = new Map<number, unknown>();
  for (const event of events) {
    const values = await resultsOf([{ ...event, piece: { ...event.piece }, failed: undefined }], reader);
    for (const index of indicesOf(event.piece)) if (wanted.has(index) && index in values) found.set(index, values[index]);
  }
  return indices.map((index) => found.get(index));
}
