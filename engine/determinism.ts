/**
 * In a flow's body, time, random numbers and timers come from the log, so that a replay sees what the first run saw. Globals are patched once; outside a flow's body
 * they are what they were. Nothing is sandboxed: what reads the clock by another way is not seen here, and shows as divergence.
 */
import nodeCrypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import nodeTimers from "node:timers";
import promisedTimers from "node:timers/promises";
import { WindhoverError } from "./errors.ts";
import { TIMER_HANDLES } from "./events.ts";
import { FlowTimer } from "./flow-timer.ts";
import { patchFiles, patchNumbers, patchProcessClocks } from "./foreign.ts";
import type { Instance } from "./instance.ts";
import { currentScope } from "./scope.ts";
import { authorLine } from "./stack.ts";

const mark = Symbol.for("windhover.determinism");

const flowNow = (): Instance | undefined => {
  const scope = currentScope();
  return scope?.kind === "flow" ? scope.instance : undefined;
};

/** Patches what has to be patched, once in a process, however many copies of this file there are. */
export function installDeterminism(): void {
  const holder = globalThis as unknown as Record<symbol, boolean | undefined>;
  if (holder[mark]) return;
  holder[mark] = true;
  patchDate();
  patchRandom();
  patchTimers();
  patchPromisedTimers();
  patchNetwork();
  patchNumbers(flowNow);
  patchProcessClocks(flowNow);
  patchFiles(flowNow, refused);
  // Those who imported one of these by its name see it as well.
  syncBuiltinESMExports();
}

function patchDate(): void {
  const Native = Date;
  const Patched: DateConstructor = new Proxy(Native, {
    construct(target, args, newTarget): object {
      const instance = args.length === 0 ? flowNow() : undefined;
      return Reflect.construct(target, instance ? [instance.now] : args, newTarget === Patched ? target : newTarget) as object;
    },
    apply(target) {
      const instance = flowNow();
      return instance ? new target(instance.now).toString() : target();
    },
    get(target, property, receiver) {
      return property === "now" ? now : Reflect.get(target, property, receiver);
    },
  });
  const nativeNow = Native.now;
  function now(): number {
    return flowNow()?.now ?? nativeNow();
  }
  // `new Date().constructor` is the Date that everybody sees.
  Object.defineProperty(Native.prototype, "constructor", { value: Patched, configurable: true, writable: true });
  globalThis.Date = Patched;
  const nativePerformanceNow = performance.now.bind(performance);
  performance.now = () => flowNow()?.now ?? nativePerformanceNow();
}

function patchRandom(): void {
  const native = Math.random;
  Math.random = () => flowNow()?.random.fraction() ?? native();
  const { webcrypto } = nodeCrypto;
  const uuid = webcrypto.randomUUID.bind(webcrypto);
  const values = webcrypto.getRandomValues.bind(webcrypto);
  webcrypto.randomUUID = () => (flowNow()?.random.uuid() as ReturnType<typeof uuid> | undefined) ?? uuid();
  webcrypto.getRandomValues = ((array: Parameters<typeof values>[0]) => {
    const instance = flowNow();
    if (!instance || !ArrayBuffer.isView(array)) return values(array);
    instance.random.fill(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
    return array;
  }) as typeof values;
  const nodeUuid = nodeCrypto.randomUUID;
  const nodeBytes = nodeCrypto.randomBytes;
  nodeCrypto.randomUUID = ((...args: Parameters<typeof nodeUuid>) => flowNow()?.random.uuid() ?? nodeUuid(...args)) as typeof nodeUuid;
  nodeCrypto.randomBytes = ((size: number, callback?: (error: Error | null, bytes: Buffer) => void) => {
    const instance = flowNow();
    if (!instance) return callback ? nodeBytes(size, callback) : nodeBytes(size);
    const bytes = Buffer.from(instance.random.fill(new Uint8Array(size)));
    return callback ? queueMicrotask(() => callback(null, bytes)) : bytes;
  }) as typeof nodeBytes;
}

/** What stands for a timer in a flow's body: a durable sleep. Unit: milliseconds. */
const sleepOf = (instance: Instance, ms: unknown): Promise<unknown> => {
  const until = instance.now + Math.max(0, Number(ms) || 0);
  return instance.call({ kind: "sleep", name: "timer", spec: () => ({ until }) }).future;
};

/** `setTimeout` in a flow's body is a durable sleep; what repeats, or names no time, has no place in a log. */
function patchTimers(): void {
  const { setTimeout: timeout, setInterval: interval, setImmediate: immediate } = globalThis;
  const timer = (instance: Instance, begin: (fire: () => void) => void, callback: () => void): FlowTimer =>
    new FlowTimer(begin, callback, instance.facts.flags.includes(TIMER_HANDLES));
  globalThis.setTimeout = Object.assign((callback: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) => {
    const instance = flowNow();
    if (!instance) return timeout(callback, ms, ...args);
    const sleeps = (fire: () => void) => void sleepOf(instance, ms).then(fire, () => {});
    return timer(instance, sleeps, () => callback(...args));
  }, timeout) as unknown as typeof timeout;
  globalThis.setInterval = Object.assign((...args: Parameters<typeof interval>) => {
    if (flowNow()) throw refused("setInterval");
    return interval(...args);
  }, interval) as unknown as typeof interval;
  globalThis.setImmediate = Object.assign((callback: (...args: unknown[]) => void, ...args: unknown[]) => {
    const instance = flowNow();
    const soon = (fire: () => void) => void Promise.resolve().then(fire);
    return instance ? timer(instance, soon, () => callback(...args)) : immediate(callback, ...args);
  }, immediate) as unknown as typeof immediate;
  patchClearing();
  for (const name of TIMERS) Object.assign(nodeTimers, { [name]: globalThis[name] });
}
const TIMERS = ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "setImmediate", "clearImmediate"] as const;

/** Node's `clearImmediate` takes what it is given out of a list without looking whether it is in there, and the process's event loop stands still. */
function patchClearing(): void {
  const { clearTimeout: timeout, clearInterval: interval, clearImmediate: immediate } = globalThis;
  const clearing =
    <H>(native: (handle: H) => void, always: () => boolean) =>
    (handle: H) =>
      handle instanceof FlowTimer ? handle.clear(always()) : native(handle);
  globalThis.clearTimeout = clearing(timeout, () => flowNow() !== undefined);
  globalThis.clearInterval = clearing(interval, () => false);
  globalThis.clearImmediate = clearing(immediate, () => true);
}

/** `node:timers/promises`, and what `util.promisify` makes of a timer. A signal that ends a wait has no place in a log: `Promise.race` has. */
function patchPromisedTimers(): void {
  const { setTimeout: timeout, setImmediate: immediate, setInterval: interval, scheduler } = promisedTimers;
  const [wait, yields] = [scheduler.wait.bind(scheduler), scheduler.yield.bind(scheduler)];
  const sleeps = <T>(instance: Instance, ms: unknown, value: T, options: { readonly signal?: AbortSignal } = {}): Promise<T> =>
    options.signal ? Promise.reject(refused("setTimeout with a signal")) : sleepOf(instance, ms).then(() => value);
  const inFlow = {
    setTimeout: ((ms, value, options) => {
      const instance = flowNow();
      return instance ? sleeps(instance, ms, value, options) : timeout(ms, value, options);
    }) as typeof timeout,
    setImmediate: ((value, options) => (flowNow() ? Promise.resolve(value) : immediate(value, options))) as typeof immediate,
    setInterval: ((...args: Parameters<typeof interval>) => {
      if (flowNow()) throw refused("setInterval");
      return interval(...args);
    }) as typeof interval,
  };
  Object.assign(promisedTimers, inFlow);
  scheduler.wait = (ms, options) => {
    const instance = flowNow();
    return instance ? sleeps(instance, ms, undefined, options) : wait(ms, options);
  };
  scheduler.yield = () => (flowNow() ? Promise.resolve() : yields());
  const promisify = Symbol.for("nodejs.util.promisify.custom");
  Object.defineProperty(globalThis.setTimeout, promisify, { value: inFlow.setTimeout, enumerable: true, configurable: true });
  Object.defineProperty(globalThis.setImmediate, promisify, { value: inFlow.setImmediate, enumerable: true, configurable: true });
}

function patchNetwork(): void {
  const native = globalThis.fetch;
  globalThis.fetch = ((...args: Parameters<typeof native>) => (flowNow() ? Promise.reject(refused("fetch")) : native(...args))) as typeof native;
}

function refused(what: string): WindhoverError {
  return new WindhoverError("WH1203", { message: `${what}() was called in a flow's body${authorLine()}.`, expected: "a task around it", got: what });
}
