/** Which of a map's items are handed out next: a chunk of its own, or what came back, or came from the map that it follows. */
import type { Piece } from "./events.ts";
import { LIMITS } from "./limits.ts";
import { sizeOf } from "./piece.ts";
import type { MapProgress, OpenPiece } from "./run-state.ts";

/** Nothing where no more may run at once, or where nothing is left. */
export function nextPiece(map: MapProgress): OpenPiece | undefined {
  const running = map.open.reduce((sum, piece) => sum + (piece.timer === undefined ? sizeOf(piece) : 0), 0);
  const [waiting, ...rest] = map.waiting ?? [];
  const room = (map.atOnce ?? LIMITS.itemsInFlight) - running;
  if (room <= 0) return undefined;
  if (waiting) {
    // The chunks of the map before may be larger than what may run at once here.
    const parts = map.atOnce !== undefined && sizeOf(waiting) > map.atOnce ? split(map, waiting, room) : [waiting];
    if (sizeOf(parts[0]) > room && running > 0) return undefined;
    map.waiting = [...parts.slice(1), ...rest];
    return parts[0];
  }
  if (map.follows !== undefined || map.total === undefined || map.next >= map.total) return undefined;
  const from = map.next;
  if (Math.min(map.chunk, map.total - from) > room && running > 0) return undefined;
  map.next = Math.min(from + map.chunk, map.total);
  return { id: map.pieces++, from, to: map.next };
}

function split(map: MapProgress, piece: Piece, size: number): readonly [Piece, Piece] {
  const { only, from } = piece;
  const id = map.pieces++;
  if (!only)
    return [
      { ...piece, to: from + size },
      { ...piece, id, from: from + size },
    ];
  return [
    { ...piece, only: only.slice(0, size) },
    { ...piece, id, only: only.slice(size) },
  ];
}
