/**
 * What else a flow's body may ask of the machine: numbers and clocks that it gets from the run, and files, which it does not get at all. Whatever is not here, and is not in the
 * log either, shows as divergence, or as a wait or an end that nothing durable stands behind.
 */
import nodeCrypto from "node:crypto";
import nodeFiles from "node:fs/promises";
import type { WindhoverError } from "./errors.ts";
import { DURABLE_ONLY } from "./events.ts";
import type { Instance } from "./instance.ts";

type FlowNow = () => Instance | undefined;

export function patchNumbers(flowNow: FlowNow): void {
  const { randomInt, randomFill, randomFillSync } = nodeCrypto;
  const draw = (instance: Instance, min: number, max: number): number => min + Math.floor(instance.further.fraction() * (max - min));
  nodeCrypto.randomInt = ((...args: Parameters<typeof randomInt>) => {
    const instance = flowNow();
    const callback = args.findLast((arg) => typeof arg === "function") as ((error: Error | null, n: number) => void) | undefined;
    const [first, second] = args as readonly unknown[];
    const [min, max] = typeof second === "number" ? [first as number, second] : [0, first as number];
    // What it does not take it says itself.
    if (!instance || !(Number.isSafeInteger(min) && Number.isSafeInteger(max) && max > min && max - min < 2 ** 48)) return randomInt(...args);
    const n = draw(instance, min, max);
    return callback ? queueMicrotask(() => callback(null, n)) : n;
  }) as typeof randomInt;
  const fill = (instance: Instance, buffer: ArrayBufferView | ArrayBuffer, offset = 0, size?: number): void => {
    const whole = ArrayBuffer.isView(buffer) ? new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength) : new Uint8Array(buffer);
    const unit = (buffer as { readonly BYTES_PER_ELEMENT?: number }).BYTES_PER_ELEMENT ?? 1;
    instance.further.fill(whole.subarray(offset * unit, size === undefined ? undefined : (offset + size) * unit));
  };
  nodeCrypto.randomFillSync = ((buffer: ArrayBufferView, offset?: number, size?: number) => {
    const instance = flowNow();
    if (!instance) return randomFillSync(buffer as Uint8Array, offset, size);
    fill(instance, buffer, offset, size);
    return buffer;
  }) as typeof randomFillSync;
  nodeCrypto.randomFill = ((buffer: ArrayBufferView, ...rest: unknown[]) => {
    const instance = flowNow();
    if (!instance) return (randomFill as (...args: unknown[]) => void)(buffer, ...rest);
    fill(instance, buffer, ...(rest.slice(0, -1) as [number?, number?]));
    queueMicrotask(() => (rest.at(-1) as (error: null, buffer: ArrayBufferView) => void)(null, buffer));
  }) as typeof randomFill;
}

/** The process's own clocks tell the log's time, like the others. */
export function patchProcessClocks(flowNow: FlowNow): void {
  const { hrtime, uptime } = process;
  const { bigint } = hrtime;
  const nanoseconds = ({ now }: Instance): bigint => BigInt(Math.round(now)) * 1_000_000n;
  process.hrtime = Object.assign(
    (before?: [number, number]): [number, number] => {
      const instance = flowNow();
      if (!instance) return hrtime(before);
      const all = nanoseconds(instance) - (before ? BigInt(before[0]) * 1_000_000_000n + BigInt(before[1]) : 0n);
      return [Number(all / 1_000_000_000n), Number(all % 1_000_000_000n)];
    },
    {
      bigint: () => {
        const instance = flowNow();
        return instance ? nanoseconds(instance) : bigint();
      },
    },
  );
  process.uptime = () => {
    const instance = flowNow();
    return instance ? instance.now / 1000 : uptime();
  };
}

/** A file would be read again by each replay, and give another answer, at another moment. */
export function patchFiles(flowNow: FlowNow, refused: (what: string) => WindhoverError): void {
  const files = nodeFiles as unknown as Record<string, unknown>;
  for (const [name, native] of Object.entries(files)) {
    if (typeof native !== "function" || native.constructor.name !== "AsyncFunction") continue;
    const patched = (...args: unknown[]): unknown => {
      const refuses = flowNow()?.facts.flags.includes(DURABLE_ONLY);
      return refuses ? Promise.reject(refused(`fs.promises.${name}`)) : native(...args);
    };
    files[name] = Object.defineProperties(patched, Object.getOwnPropertyDescriptors(native));
  }
}
