/** Seeded draws: the same seed gives the same identifiers and fractions, in the same order, for ever. */
import type { Random } from "../../engine/ports.ts";

/** Where the sequence stands. It belongs to the world, not to a process: one that starts anew must not repeat the identifiers of the one that died. */
export type RandomState = [a: number, b: number, c: number, d: number];

const ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789";
const PAIRS: readonly string[] = Array.from(ALPHABET, (first) => Array.from(ALPHABET, (second) => first + second)).flat();

/** 32 bits of sfc32 (Chris Doty-Humphrey, PractRand): small, fast, and a seed's neighbours share nothing after a dozen draws. */
function draw(state: RandomState): number {
  const [a, b, c, d] = state;
  const sum = (a + b + d) | 0;
  state[3] = (d + 1) | 0;
  state[0] = b ^ (b >>> 9);
  state[1] = (c + (c << 3)) | 0;
  state[2] = (((c << 21) | (c >>> 11)) + sum) | 0;
  return sum >>> 0;
}

export function seedRandom(seed: number): RandomState {
  const state: RandomState = [seed | 0, Math.trunc(seed / 0x1_0000_0000) | 0, 0x9e37_79b9 | 0, 1];
  for (let i = 0; i < 15; i++) draw(state);
  return state;
}

export function memoryRandom(state: RandomState): Random {
  /** Three pairs of characters of one draw: 36 to the sixth is just below 2 to the 32nd. */
  const six = (): string => {
    const bits = draw(state);
    return `${PAIRS[bits % 1296]}${PAIRS[Math.floor(bits / 1296) % 1296]}${PAIRS[Math.floor(bits / 1_679_616) % 1296]}`;
  };
  return {
    id: () => six() + six() + six(),
    fraction: () => ((draw(state) >>> 5) * 0x400_0000 + (draw(state) >>> 6)) / 0x20_0000_0000_0000,
  };
}
