/**
 * What a retry takes over. When a flow's function runs again (its own `retries`, an operator's `retry` or `rerunFrom`), a call that completed before with the same
 * arguments is not made again: it settles at once with the recorded result, under the label Reused. What failed runs again, and so does what a transaction took back.
 */
import type { Book, CalledEvent, CallRecord, ItemsEvent } from "./book.ts";
import { isTakenBack, placeOf } from "./book.ts";
import { decode } from "./codec.ts";
import type { CallKind, Payload } from "./events.ts";
import type { Command } from "./instance.ts";
import { countsOf } from "./items.ts";
import type { RunDraft } from "./run-draft.ts";
import type { OpenCall, RunState } from "./run-state.ts";
import { settle } from "./settle.ts";

/** A slot has to be held, not remembered; and what people look at belongs to each run that shows it. */
const NEVER: ReadonlySet<Command["kind"]> = new Set(["acquire", "release", "artifact"]);

/** Most runs repeat nothing. */
export const mayReuse = ({ attempt, origin }: RunState): boolean => attempt > 1 || origin !== undefined;

export interface Reused {
  readonly value?: Payload | undefined;
  /** A map's: they are told again, for whoever follows it or looks at them. */
  readonly items?: readonly ItemsEvent[];
}

export async function reusable(draft: RunDraft, command: Command): Promise<Reused | undefined> {
  const { state } = draft;
  if (!mayReuse(state) || NEVER.has(command.kind) || command.spec.role === "rollback" || !draft.book) return undefined;
  const found = draft.book.completed(command.place, state.attempt - 1) ?? (await fromOrigin(draft, command));
  if (!found || found.called.kind !== command.kind || found.called.name !== command.name) return undefined;
  // Its effect is not there any more. An older result at this place is the same, or was taken back too.
  if (isTakenBack(found)) return undefined;
  if (!(await sameArguments(draft, found, command))) return undefined;
  const { settled } = found;
  // An answer that did not come in time may come now.
  if (!settled?.ok || settled.label === "TimedOut") return undefined;
  if (settled.hash !== undefined) return undefined;
  if (command.kind !== "map") return { value: settled.value };
  // Where the result was given instead of run (`rerunFrom`), its items are those of that list.
  return { items: settled.value === undefined ? (found.items ?? []) : await itemsOf(draft, command.call, settled.value) };
}

async function itemsOf(draft: RunDraft, call: string, value: Payload): Promise<readonly ItemsEvent[]> {
  const results = decode(await draft.reader.text(value)) as readonly unknown[];
  return results.length === 0 ? [] : [{ type: "items", call, piece: { id: 0, from: 0, to: results.length }, value }];
}

/** The map that was at this place before, where it did not complete, and had these arguments; with the log that it is in. */
export async function unfinished(draft: RunDraft, called: CalledEvent): Promise<{ readonly record: CallRecord; readonly book: Book } | undefined> {
  const { book, state } = draft;
  const place = placeOf(called.call);
  const own = book?.ran(place, state.attempt - 1);
  const record = own ?? (await fromOrigin(draft, { place }, "ran"));
  const at = own ? book : draft.origin;
  if (!record || !at || record.called.kind !== "map" || record.called.name !== called.name || called.transient) return undefined;
  for (const source of called.follows ?? []) {
    const items = [
      ...(book?.calls.get(source)?.items ?? []),
      ...draft.pending.filter((event): event is ItemsEvent => event.type === "items" && event.call === source),
    ];
    // What failed there, within what is tolerated, has to be told here one by one.
    if (items.some(({ failed }) => failed?.length)) return undefined;
  }
  return (await sameArguments(draft, record, { spec: called })) ? { record, book: at } : undefined;
}

async function fromOrigin(draft: RunDraft, { place }: Pick<Command, "place">, find: "completed" | "ran" = "completed"): Promise<CallRecord | undefined> {
  const source = draft.book?.started?.origin;
  if (!source) return undefined;
  draft.origin ??= await draft.context.bookOf(source.run);
  const { origin } = draft;
  if (source.from !== undefined) {
    const order = [...origin.calls.keys()].map(placeOf);
    const from = order.indexOf(placeOf(source.from));
    const at = order.indexOf(place);
    if (at === from && source.result !== undefined) return edited(origin, place, source.result);
    if (at < 0 || at >= from) return undefined;
  }
  return origin[find](place, origin.attempt);
}

/** `rerunFrom(task, { result })`: the call is taken to have given this. */
function edited(origin: Book, place: string, value: Payload): CallRecord | undefined {
  const record = [...origin.calls.values()].find(({ called }) => placeOf(called.call) === place);
  return record && { called: record.called, settled: { type: "settled", call: record.called.call, ok: true, value } };
}

/** The same values; and where they name other calls, those were taken over too. */
async function sameArguments(draft: RunDraft, { called }: CallRecord, { spec }: Pick<Command, "spec">): Promise<boolean> {
  const inputs = [...(spec.deps ?? []), ...(spec.follows ?? [])];
  if (!inputs.every((id) => isReused(draft, id))) return false;
  if (spec.args === undefined || called.args === undefined) return spec.args === called.args;
  const [before, now] = await Promise.all([called.args, spec.args].map((args) => draft.reader.text(args)));
  return before === now || (inputs.length > 0 && byPlace(before as string, called.kind) === byPlace(now as string, called.kind));
}

function isReused({ book, pending }: RunDraft, id: string): boolean {
  // What is named may be an item of a map.
  const call = book?.calls.has(id) ? id : id.slice(0, id.lastIndexOf("/"));
  const settled = book?.calls.get(call)?.settled ?? pending.find((event) => event.type === "settled" && event.call === call);
  return settled?.type === "settled" && settled.label === "Reused";
}

/** Another try of the flow names the calls of its own. */
const placeIn = (id: string): string => id.replace(/~\d+(?=$|\/\d+$)/, "");
const isReference = (key: string, value: unknown): value is ["ref", string] => key === "$" && Array.isArray(value) && value[0] === "ref";

function byPlace(args: string, kind: CallKind): string {
  const tree: unknown = JSON.parse(args, (key, value: unknown) => (isReference(key, value) ? ["ref", placeIn(value[1])] : value));
  return JSON.stringify(kind === "map" ? (tree as readonly object[]).map(followed) : tree);
}
/** A map's column. Whether the map before it was followed or waited for makes no difference. */
function followed(column: { readonly follow?: string; readonly call?: { readonly $?: unknown } }): object {
  if (column.follow !== undefined) return { follow: placeIn(column.follow) };
  return isReference("$", column.call?.$) ? { follow: column.call.$[1] } : column;
}

/** A map whose items are known already is over as soon as they are said: whoever follows it, or looks at its items, gets them as from one that has run. */
export function takeOverMap(draft: RunDraft, call: string, open: OpenCall, items: readonly ItemsEvent[]): void {
  const counts = countsOf(items);
  open.map = { ...counts, chunk: 1, next: counts.total, pieces: 0, open: [] };
  for (const { ran: _, ...event } of items) draft.pending.push({ ...event, call });
  settle.ok(draft, call, undefined, { label: "Reused" });
}
