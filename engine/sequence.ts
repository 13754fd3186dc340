/** A seeded sequence of random numbers (sfc32), the same in every replay. Not for secrets. */
export class Sequence {
  #a: number;
  #b: number;
  #c: number;
  #d = 1;
  constructor(seed: string) {
    let h = 1779033703 ^ seed.length;
    const word = (): number => {
      h = Math.imul(h ^ (h >>> 16), 2246822507);
      h = Math.imul(h ^ (h >>> 13), 3266489909);
      h ^= h >>> 16;
      return h >>> 0;
    };
    for (let i = 0; i < seed.length; i++) {
      h = Math.imul(h ^ seed.charCodeAt(i), 3432918353);
      h = (h << 13) | (h >>> 19);
    }
    [this.#a, this.#b, this.#c] = [word(), word(), word()];
    for (let i = 0; i < 12; i++) this.word();
  }
  /** An unsigned 32-bit integer. */
  word(): number {
    const t = (((this.#a + this.#b) | 0) + this.#d) | 0;
    this.#d = (this.#d + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (this.#c << 21) | (this.#c >>> 11);
    this.#c = (this.#c + t) | 0;
    return t >>> 0;
  }
  /** 0 ≤ x < 1, with 53 bits. */
  fraction(): number {
    return ((this.word() >>> 5) * 67108864 + (this.word() >>> 6)) / 9007199254740992;
  }
  fill(bytes: Uint8Array): Uint8Array {
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.word() & 255;
    return bytes;
  }
  /** A version 4 UUID. */
  uuid(): string {
    const b = this.fill(new Uint8Array(16));
    b[6] = ((b[6] as number) & 15) | 64;
    b[8] = ((b[8] as number) & 63) | 128;
    const hex = Array.from(b, (x) => x.toString(16).padStart(2, "0")).join("");
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }
}
