/**
 * A map is one call, not N. Its items are handed out in pieces (chunks); results come back a piece at a time and are logged as one event each. Retries, failures and
 * progress are kept per item. A map over another map's list follows it, depth first: items start as soon as those before them are there.
 */
import type { ItemsEvent } from "./book.ts";
import { mustClaim } from "./claims.ts";
import { decode, decodeError, encodeError } from "./codec.ts";
import { WindhoverError } from "./errors.ts";
import type { FailedItem, LimitWanted, Piece, RunEvent } from "./events.ts";
import { countsOf, indicesOf, sizeOf } from "./items.ts";
import { LIMITS } from "./limits.ts";
import type { ItemFailure, TaskReport } from "./messages.ts";
import { inputs } from "./needs.ts";
import { nextPiece } from "./next-piece.ts";
import { mayRetry, mayRunAgain } from "./retry.ts";
import type { RunDraft } from "./run-draft.ts";
import type { MapProgress, OpenCall, OpenPiece } from "./run-state.ts";
import { cancelError, settle } from "./settle.ts";
import { acquire, release, withdraw, wouldWaitForItself } from "./slots.ts";
import { takeOverItems } from "./takeover.ts";
import { messageOf } from "./thrown.ts";

/** A map's arguments, one column for each of the task's: a list, the same for all, another call's result, or another map's items. */
export type Column = { readonly list: readonly unknown[] } | { readonly same: unknown } | { readonly call: unknown } | { readonly follow: string };

type Settled = Extract<RunEvent, { type: "settled" }>;

/** What it waits for is there. */
export async function startMap(draft: RunDraft, call: string, open: OpenCall): Promise<void> {
  if (open.map) return handOut(draft, call, open);
  for (const wanted of open.limits ?? []) {
    const refused = wouldWaitForItself(draft, open, wanted);
    if (refused) return settle.fail(draft, call, encodeError(refused));
  }
  const spec = draft.book?.calls.get(call)?.called;
  const [follows] = spec?.follows ?? [];
  let total = spec?.items;
  if (total === undefined && follows === undefined) {
    const lengths = await lengthsOf(draft, call);
    if (typeof lengths !== "number") return settle.fail(draft, call, encodeError(lengths));
    total = lengths;
  }
  const followed = follows === undefined ? undefined : draft.state.open[follows]?.map;
  total ??= followed?.total;
  const size = Math.max(1, Math.ceil((total ?? spec?.items ?? 0) / LIMITS.mapChunks));
  const chunk = followed?.chunk ?? Math.min(size, spec?.mapConcurrency ?? size);
  open.map = { total, chunk, next: 0, done: 0, failed: 0, pieces: 0, open: [] };
  const taken = await takeOverItems(draft, call, open.map);
  Object.assign(
    open.map,
    spec?.mapConcurrency !== undefined && { atOnce: spec.mapConcurrency },
    spec?.toleratedFailures !== undefined && { tolerated: spec.toleratedFailures },
    follows !== undefined && !taken && { follows },
  );
  // What is left is handed out when the log has what was taken over.
  if (taken) return;
  if (follows !== undefined) draft.waits(call, follows);
  const source = follows === undefined ? undefined : draft.book?.calls.get(follows);
  for (const items of source?.items ?? []) follow(draft, call, open, open.map, items);
  // It waited for something else, and meanwhile the map before it has ended: nobody will say so again.
  if (source?.settled && follows !== undefined && !draft.state.open[follows]) {
    const { done, failed, total } = countsOf(source.items ?? []);
    await followMap.ended(draft, call, open, source.settled, { done, failed, total: source.settled.ok ? total : source.called.items });
  }
  handOut(draft, call, open);
}

export const dependencyOfMapSettled = startMap;

/** The number of items, once the arrays that are results of calls are known. */
async function lengthsOf(draft: RunDraft, call: string): Promise<number | WindhoverError> {
  const { columns, values } = await columnsOf(draft, call);
  const lengths: number[] = [];
  for (const column of columns) {
    if ("same" in column || "follow" in column) continue;
    const list = "list" in column ? column.list : column.call;
    if (!Array.isArray(list))
      return new WindhoverError("WH1105", {
        message: `"${call}" is mapped over something that is not an array.`,
        expected: "an array, or unmapped(…)",
        got: typeof list,
      });
    lengths.push(list.length);
  }
  const [first = 0] = lengths;
  const short = lengths.length > 1 && columns.some((column) => "call" in column && lostItems(draft, values, column.call));
  if (short || lengths.some((n) => n !== first))
    return new WindhoverError("WH1105", {
      message: short
        ? `"${call}" is mapped over lists that do not belong together item by item: one of them is of a map of which items failed.`
        : `"${call}" is mapped over arrays of different lengths.`,
      expected: "arrays of one length",
      got: lengths.join(", "),
    });
  if (first > LIMITS.mapItems)
    return new WindhoverError("WH1306", { message: `"${call}" is mapped over ${first} items.`, expected: `at most ${LIMITS.mapItems}`, got: String(first) });
  return first;
}

/** Of a map that had failures, within what it tolerates, only the other results are there. */
function lostItems({ book }: RunDraft, values: ReadonlyMap<string, unknown>, list: unknown): boolean {
  return [...values].some(([id, value]) => value === list && book?.calls.get(id)?.items?.some(({ failed }) => failed?.length));
}

async function columnsOf(draft: RunDraft, call: string): Promise<{ readonly columns: readonly Column[]; readonly values: ReadonlyMap<string, unknown> }> {
  const { reader } = draft;
  const book = await draft.needBook();
  const spec = book.calls.get(call)?.called;
  const values = await inputs(book, spec?.deps, reader);
  const args = spec?.args ?? "[]";
  const columns = decode(typeof args === "string" ? args : await reader.text(args), { resolve: (id) => values.get(id) }) as readonly Column[];
  return { columns, values };
}

/** Hands out as many pieces as may run at once. */
export function handOut(draft: RunDraft, call: string, open: OpenCall): void {
  const { map } = open;
  if (!map || settle.decided(draft, call)) return;
  if (draft.state.paused) return;
  while (!map.stopped) {
    const piece = nextPiece(map);
    if (!piece) break;
    launchPiece(draft, call, open, piece);
  }
  settleIfDone(draft, call, open);
}

function launchPiece(draft: RunDraft, call: string, open: OpenCall, piece: OpenPiece): void {
  const map = open.map as MapProgress;
  if (draft.state.paused) {
    // What was running may still end badly while the run is paused; its next attempt waits for the resume.
    map.waiting = [...(map.waiting ?? []), piece];
    return;
  }
  map.open.push(piece);
  const [wanted] = open.limits ?? [];
  if (!wanted) return attemptPiece(draft, call, open, piece);
  askForPiece(draft, call, open, piece, wanted);
}

/** A piece with limits holds one slot of each and runs its items one after the other. */
function askForPiece(draft: RunDraft, call: string, open: OpenCall, piece: OpenPiece, wanted: LimitWanted): void {
  const request = `${draft.id}/${call}#p${piece.id}@${wanted.name}`;
  replacePiece(open, { ...piece, request });
  acquire(draft, request, wanted);
}

export function grantedPiece(draft: RunDraft, call: string, open: OpenCall, request: string): void {
  const piece = open.map?.open.find((p) => p.request === request);
  if (!piece) return;
  const holds = [...(piece.holds ?? []), request];
  const next = open.limits?.[holds.length];
  const granted: OpenPiece = { ...piece, holds, request: undefined };
  replacePiece(open, granted);
  if (next) askForPiece(draft, call, open, granted, next);
  else if (draft.state.paused) giveBack(draft, open, granted);
  else attemptPiece(draft, call, open, granted);
}

/** A paused run starts nothing new. The piece asks anew after the resume, under another number, so that an old grant is not taken for the new one (rule 2). */
function giveBack(draft: RunDraft, open: OpenCall, piece: OpenPiece): void {
  closePiece(draft, open, piece);
  const map = open.map as MapProgress;
  map.waiting = [{ ...piece, id: map.pieces++, holds: undefined } as OpenPiece, ...(map.waiting ?? [])];
}

function replacePiece(open: OpenCall, piece: OpenPiece): void {
  const map = open.map as MapProgress;
  map.open[map.open.findIndex((p) => p.id === piece.id)] = piece;
}

function attemptPiece(draft: RunDraft, call: string, open: OpenCall, piece: OpenPiece): void {
  const { id, from, to, only } = piece;
  const plain: Piece = only ? { id, from, to, only } : { id, from, to };
  draft.log({ type: "attempted", call, attempt: 1, piece: plain });
  const alone = piece.suspect || piece.crashes || open.crashRetries === 0 ? true : undefined;
  draft.effects.push({ do: "task", call, attempt: 1, piece: plain, pool: open.pool, alone, claim: mustClaim(draft, open) ? true : undefined });
}

/** An executor reports on a piece: some items are done, some failed for good, some are tried again. */
export async function reportedPiece(draft: RunDraft, report: TaskReport): Promise<void> {
  const open = draft.state.open[report.call];
  const piece = open?.map?.open.find((p) => p.id === report.piece?.id);
  if (!open?.map || !piece || settle.decided(draft, report.call)) return;
  const failures: readonly ItemFailure[] = report.ok
    ? (report.failed ?? [])
    : indicesOf(piece).map((index) => ({ index, error: report.error, verdict: report.verdict }));
  closePiece(draft, open, piece);
  const again: ItemFailure[] = [];
  const failed: FailedItem[] = [];
  // Not begun: sent again, unless the map has been stopped.
  const rest = report.ok ? (report.rest ?? []) : [];
  for (const failure of failures) {
    if (!draft.state.cancel && !open.map.stopped && mayRetry(failure.verdict, piece.failures ?? 0, open.retries)) again.push(failure);
    else failed.push({ index: failure.index, error: failure.error, attempts: (piece.failures ?? 0) + 1 });
  }
  itemsEnded(draft, report.call, open, piece, report.ok ? (report.value ?? "[]") : "[]", failed, [...again.map((f) => f.index), ...rest], report.ran);
  if (rest.length > 0 && !draft.state.cancel && !open.map.stopped)
    launchPiece(draft, report.call, open, { id: open.map.pieces++, from: piece.from, to: piece.to, only: rest, failures: piece.failures });
  retryItems(draft, report.call, open, piece, again);
  handOut(draft, report.call, open);
}

function closePiece(draft: RunDraft, open: OpenCall, piece: OpenPiece): void {
  const map = open.map as MapProgress;
  map.open = map.open.filter((p) => p.id !== piece.id);
  for (const request of piece.holds ?? []) release(draft, request);
}

function itemsEnded(
  draft: RunDraft,
  call: string,
  open: OpenCall,
  piece: Piece,
  value: ItemsEvent["value"],
  failed: readonly FailedItem[],
  again: readonly number[],
  ran?: ItemsEvent["ran"],
): void {
  const map = open.map as MapProgress;
  const { id, from, to, only } = piece;
  map.failed += failed.length;
  map.done += sizeOf(piece) - failed.length - again.length;
  if (map.tolerated !== undefined && map.failed > map.tolerated) {
    map.stopped = true;
    map.waiting = undefined;
  }
  const event: ItemsEvent = { type: "items", call, piece: only ? { id, from, to, only } : { id, from, to }, value };
  draft.pending.push({ ...event, ...(failed.length && { failed }), ...(again.length && { again }), ...(ran && { ran }) });
}

/** Items with the same delay are tried again together. */
function retryItems(draft: RunDraft, call: string, open: OpenCall, piece: OpenPiece, again: readonly ItemFailure[]): void {
  const map = open.map as MapProgress;
  const byDelay = new Map<number, number[]>();
  for (const { index, verdict } of again) byDelay.set(verdict.delayMs ?? 0, [...(byDelay.get(verdict.delayMs ?? 0) ?? []), index]);
  for (const [delay, only] of byDelay) {
    const next: OpenPiece = { id: map.pieces++, from: piece.from, to: piece.to, only, failures: (piece.failures ?? 0) + 1 };
    if (delay === 0) launchPiece(draft, call, open, next);
    else {
      const timer = `${call}/${next.id}@${draft.context.n}`;
      map.open.push({ ...next, timer });
      draft.effects.push({ do: "timer", id: timer, at: draft.now + delay });
    }
  }
}

export function pieceTimer(draft: RunDraft, call: string, open: OpenCall, timer: string): boolean {
  const piece = open.map?.open.find((p) => p.timer === timer);
  if (!piece || !open.map) return false;
  draft.log({ type: "woken", call, timer });
  open.map.open = open.map.open.filter((p) => p.id !== piece.id);
  open.map.waiting = [{ ...piece, timer: undefined } as OpenPiece, ...(open.map.waiting ?? [])];
  handOut(draft, call, open);
  return true;
}

/** A process died with this piece. Of several items nobody knows which is to blame: the piece is split, and only one item alone counts a death (rule 29). */
export async function crashedPiece(draft: RunDraft, call: string, { id }: Piece, alone: boolean): Promise<void> {
  const open = draft.state.open[call];
  const piece = open?.map?.open.find((p) => p.id === id);
  if (!open?.map || !piece || settle.decided(draft, call)) return;
  closePiece(draft, open, piece);
  const items = indicesOf(piece);
  const single = items.length === 1;
  const crashes = (piece.crashes ?? 0) + (single && alone ? 1 : 0);
  if (draft.state.cancel || open.map.stopped || !mayRunAgain(single && alone ? crashes - 1 : 0, open.crashRetries)) {
    const error = encodeError(
      new WindhoverError("WH1403", {
        message: `The process that ran items of "${call}" died.`,
        got: `${crashes} deaths`,
        expected: `at most ${open.crashRetries ?? LIMITS.crashRetries}`,
      }),
    );
    itemsEnded(
      draft,
      call,
      open,
      piece,
      "[]",
      items.map((index) => ({ index, error, attempts: (piece.failures ?? 0) + 1 })),
      [],
    );
  } else {
    // Where its parts ask for a slot first, nothing else would be logged, and the death would be lost with this turn.
    const error = encodeError(new WindhoverError("WH1403", { message: `The process that ran items of "${call}" died.`, got: `${items.length} items` }));
    draft.log({ type: "failed", call, attempt: 1, error, crashed: true, piece: id });
    const half = Math.ceil(items.length / 2);
    for (const only of single ? [items] : [items.slice(0, half), items.slice(half)])
      launchPiece(draft, call, open, {
        id: open.map.pieces++,
        from: piece.from,
        to: piece.to,
        only,
        failures: piece.failures,
        ...(crashes > 0 && { crashes }),
        ...(single && { suspect: 1 }),
      });
  }
  handOut(draft, call, open);
}

/** The map before this one: its items become ours as they end. */
function follow(draft: RunDraft, call: string, open: OpenCall, map: MapProgress, { piece, failed = [], again = [] }: ItemsEvent): void {
  const out = new Set([...failed.map((f) => f.index), ...again]);
  const good = indicesOf(piece).filter((index) => !out.has(index));
  if (good.length > 0) {
    const whole = good.length === piece.to - piece.from;
    map.waiting = [
      ...(map.waiting ?? []),
      whole ? { id: map.pieces++, from: piece.from, to: piece.to } : { id: map.pieces++, from: piece.from, to: piece.to, only: good },
    ];
  }
  if (failed.length > 0) {
    const only = failed.map((f) => f.index);
    const missing = failed.map(({ index, error }) => ({
      index,
      attempts: 0,
      error: encodeError(
        new WindhoverError("WH1404", {
          message: `Item ${index} of "${call}" did not run, because the item before it failed.`,
          got: String(index),
          cause: typeof error === "string" ? decodeError(error) : undefined,
        }),
      ),
    }));
    itemsEnded(draft, call, open, { id: map.pieces++, from: piece.from, to: piece.to, only }, "[]", missing, []);
  }
}

export const followMap = {
  items(draft: RunDraft, event: ItemsEvent): void {
    for (const id of draft.waitingFor(event.call)) {
      const open = draft.state.open[id];
      if (open?.map?.follows !== event.call) continue;
      follow(draft, id, open, open.map, event);
      handOut(draft, id, open);
    }
  },
  /** The map before has settled: now the number of items is known, and whether all of them will come. */
  async ended(draft: RunDraft, id: string, open: OpenCall, event: Settled, before: Pick<MapProgress, "total" | "done" | "failed"> | undefined): Promise<void> {
    const map = open.map as MapProgress;
    map.total ??= before?.total;
    if (!event.ok && (map.total === undefined || (before && before.done + before.failed < map.total))) {
      map.stopped = true;
      map.waiting = undefined;
    }
    settleIfDone(draft, id, open, event.ok ? undefined : event.error);
  },
};

function settleIfDone(draft: RunDraft, call: string, open: OpenCall, cause?: ItemsEvent["value"]): void {
  const map = open.map as MapProgress;
  if (map.open.length > 0 || settle.decided(draft, call)) return;
  const all = map.total !== undefined && map.done + map.failed === map.total;
  if (!all && !map.stopped) return;
  if (draft.state.cancel && !all) return settle.fail(draft, call, cancelError(draft), "Cancelled");
  if (all && map.failed <= (map.tolerated ?? 0)) return settle.ok(draft, call);
  failMap(draft, call, map, cause);
}

function failMap(draft: RunDraft, call: string, map: MapProgress, cause?: ItemsEvent["value"]): void {
  const events = [...(draft.book?.calls.get(call)?.items ?? []), ...draft.pending.filter((e): e is ItemsEvent => e.type === "items" && e.call === call)];
  const first = events.flatMap((event) => event.failed ?? []).sort((a, b) => a.index - b.index)[0];
  settle.failOf(draft, call, first?.error ?? cause, (error) => {
    const said = error === undefined ? "" : messageOf(error);
    return new WindhoverError("WH1405", {
      message: `${map.failed} of ${map.total ?? "?"} items of "${call}" failed${first ? `; the first is item ${first.index}: ${said}` : ""}`,
      expected: `at most ${map.tolerated ?? 0} failures`,
      got: String(map.failed),
      cause: error,
    });
  });
}

export function cancelMap(draft: RunDraft, call: string, open: OpenCall): void {
  const { map } = open;
  if (!map) return settle.fail(draft, call, cancelError(draft), "Cancelled");
  map.stopped = true;
  map.waiting = undefined;
  for (const piece of map.open) {
    if (piece.timer !== undefined) draft.effects.push({ do: "untimer", id: piece.timer });
    const wanted = open.limits?.[piece.holds?.length ?? 0];
    if (piece.request !== undefined && wanted) withdraw(draft, piece.request, wanted.name);
    if (piece.timer !== undefined || piece.request !== undefined) for (const request of piece.holds ?? []) release(draft, request);
  }
  map.open = map.open.filter((piece) => piece.timer === undefined && piece.request === undefined);
  settleIfDone(draft, call, open);
}
