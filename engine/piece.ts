/** Which items of a map a piece means, and how many. */
import type { Piece } from "./events.ts";

export const indicesOf = (piece: Piece): readonly number[] => piece.only ?? Array.from({ length: sizeOf(piece) }, (_, i) => piece.from + i);

/** Without a list of them: a piece may be a million items. */
export const sizeOf = (piece: Piece): number => piece.only?.length ?? piece.to - piece.from;
