/** `task`: a function whose calls are recorded, retried, and never repeated once their result is in the log. */
import { encode } from "../engine/codec.ts";
import type { RetryDelay, TaskDefinition } from "../engine/definition.ts";
import { WindhoverError } from "../engine/errors.ts";
import type { CallSpec } from "../engine/events.ts";
import { isFuture } from "../engine/future.ts";
import { LIMITS } from "../engine/limits.ts";
import type { Column } from "../engine/map.ts";
import type { FlowScope } from "../engine/scope.ts";
import { currentScope, shared } from "../engine/scope.ts";
import { directCall } from "./direct.ts";
import { directMap } from "./direct-list.ts";
import { ListFuture } from "./future-list.ts";
import { afterOf, noting } from "./inputs.ts";
import { callsOf, knownIn, ownLimit } from "./limit-key.ts";
import { type CallOptions, checkName, checkOptions, type Future, type FutureList, hooksOf, type TaskOptions } from "./options.ts";
import { enlist, enlistMap } from "./transaction.ts";
import { isUnmapped, type Unmapped } from "./unmapped.ts";
import { policyOf, type Variant } from "./variant.ts";

export type Inputs<A extends readonly unknown[]> = { [K in keyof A]: A[K] | Future<A[K]> };
export type Mapped<A extends readonly unknown[]> = {
  [K in keyof A]: readonly A[K][] | Future<readonly A[K][]> | Future<A[K][]> | FutureList<A[K]> | Unmapped<A[K]>;
};

export interface Task<A extends readonly unknown[], R> {
  /** Starts it. A future among the arguments makes a dependency: it starts when that one has completed. */
  (...args: Inputs<A>): Future<R>;
  /** Starts it once for each item of the lists; constants go in `unmapped(…)`. */
  map(...args: Mapped<A>): FutureList<R>;
  /** The same task with other options. With functions among them: at module level only (WH1009). */
  withOptions(options: Partial<Omit<TaskOptions<A, R>, "name">> & { readonly name?: string } & CallOptions): Task<A, R>;
}

/** What a task object knows about itself; tools and tests find it under this symbol. */
export const definitionKey = Symbol.for("windhover.definition");

/**
 * Defines a task.
 * @throws WindhoverError WH1001 without a usable name, WH1003 for an option that cannot be.
 * @example
 * const fetchPage = task({ name: "fetch-page", retries: 3, retryDelaySeconds: [1, 10, 60] }, async (url: string) => (await fetch(url)).text());
 */
export function task<A extends readonly unknown[], R>(options: TaskOptions<A, R>, fn: (...args: A) => R | Promise<R>): Task<A, R> {
  const name = checkName("task", options?.name);
  checkOptions("task", name, options);
  refuseLoneExpiry(name, options, options);
  if (typeof fn !== "function")
    throw new WindhoverError("WH1003", { message: `task "${name}" has no function.`, expected: "options first, then the function", got: typeof fn });
  const definition = { ...options, name, fn, hooks: hooksOf(options) } as unknown as TaskDefinition;
  shared.code.addTask(definition);
  return taskOf({ definition, call: {}, base: name, overrides: {} });
}

/** @throws WindhoverError WH1003 where `options` say how long a result is kept of a task that keeps none. */
function refuseLoneExpiry(name: string, options: { readonly cacheExpirationSeconds?: number }, { cacheKey }: { readonly cacheKey?: unknown }): void {
  if (options.cacheExpirationSeconds === undefined || cacheKey !== undefined) return;
  throw new WindhoverError("WH1003", {
    message: `task "${name}": \`cacheExpirationSeconds\` without a \`cacheKey\` caches nothing.`,
    expected: 'a `cacheKey` beside it: "inputs" or a function',
    got: "no cacheKey",
  });
}

const CALL_OPTIONS = ["key", "waitFor", "mapConcurrency", "toleratedFailures"] as const;

function taskOf<A extends readonly unknown[], R>(variant: Variant): Task<A, R> {
  const { definition } = variant;
  const called = (...args: unknown[]): unknown => {
    const scope = currentScope();
    return scope?.kind === "flow" ? callInFlow(scope, variant, args) : directCall(definition, args, scope);
  };
  const map = (...args: unknown[]): unknown => {
    const scope = currentScope();
    return scope?.kind === "flow" ? mapInFlow(scope, variant, args) : directMap(definition, args, scope, variant.call);
  };
  return Object.assign(called, { map, withOptions: (options: object) => taskOf(derive(variant, options)), [definitionKey]: definition }) as unknown as Task<
    A,
    R
  >;
}

function derive(variant: Variant, options: Partial<TaskOptions<readonly unknown[], unknown>> & CallOptions): Variant {
  const name = options.name === undefined ? variant.definition.name : checkName("task", options.name);
  checkOptions("call of task", name, options);
  const call = { ...variant.call };
  const own: Record<string, unknown> = {};
  for (const [option, value] of Object.entries(options)) {
    if ((CALL_OPTIONS as readonly string[]).includes(option)) Object.assign(call, { [option]: value });
    else if (option !== "name") own[option] = value;
  }
  const functions = Object.entries(own).filter(([, value]) => hasFunction(value));
  const definition = { ...variant.definition, ...own, name, hooks: { ...variant.definition.hooks, ...hooksOf(own) } } as TaskDefinition;
  refuseLoneExpiry(name, options, definition);
  if (functions.length === 0) return { definition, call, base: variant.base, overrides: { ...variant.overrides, ...own } };
  if (currentScope())
    throw new WindhoverError("WH1009", {
      message: `"${name}" was given ${functions.map(([option]) => `\`${option}\``).join(", ")} as a function inside a flow.`,
      expected: "withOptions at module level",
      got: functions.map(([option]) => option).join(", "),
    });
  const registered = shared.code.addVariant((number) => ({ ...definition, variant: number }), variant.base);
  return { definition: registered, call, base: variant.base, overrides: {} };
}

const hasFunction = (value: unknown): boolean =>
  typeof value === "function" ||
  (Array.isArray(value) && value.some(hasFunction)) ||
  (typeof value === "object" && value !== null && "key" in value && typeof value.key === "function");

function callInFlow(scope: FlowScope, variant: Variant, args: readonly unknown[]): unknown {
  const { definition, call, base } = variant;
  shared.code.refuseShadowed("task", { name: base, fn: definition.fn });
  const spec = (): CallSpec => {
    const deps: string[] = [];
    const encoded = args.length === 0 ? undefined : encode(args, { name: "arguments", reference: noting(scope.instance, deps) });
    const limits = ownLimit(definition, () => {
      const known = args.map((arg) => knownIn(scope.instance, arg));
      return known.every((one) => one !== undefined) ? [known.map(({ value }) => value)] : undefined;
    });
    return {
      ...policyOf(variant),
      ...afterOf(scope.instance, call),
      ...(scope.within && { within: scope.within }),
      ...(limits && { limits }),
      ...(encoded !== undefined && { args: encoded }),
      ...(deps.length > 0 && { deps: [...new Set(deps)] }),
    };
  };
  const live = scope.instance.call({ kind: "task", name: definition.name, key: call.key, spec });
  enlist(scope, live, variant, args);
  return live.future;
}

function mapInFlow(scope: FlowScope, variant: Variant, args: readonly unknown[]): unknown {
  const { definition, call, base } = variant;
  shared.code.refuseShadowed("task", { name: base, fn: definition.fn });
  const { columns, follows, length, bad } = columnsOf(args);
  const spec = (): CallSpec => {
    if (bad) throw bad;
    const deps: string[] = [];
    const encoded = encode(columns, { name: "arguments", reference: noting(scope.instance, deps) });
    const { mapConcurrency, toleratedFailures } = call;
    const limits = ownLimit(definition, () => callsOf(scope.instance, args));
    return {
      ...policyOf(variant),
      ...afterOf(scope.instance, call),
      ...(scope.within && { within: scope.within }),
      ...(limits?.length && { limits }),
      args: encoded,
      ...(deps.length > 0 && { deps: [...new Set(deps)] }),
      ...(length !== undefined && { items: length }),
      ...(follows !== undefined && { follows: [follows] }),
      ...(mapConcurrency !== undefined && { mapConcurrency }),
      ...(toleratedFailures !== undefined && { toleratedFailures }),
    };
  };
  const live = scope.instance.call({ kind: "map", name: definition.name, key: call.key, spec });
  if (follows !== undefined) scope.instance.calls.get(follows)?.observe();
  const list = new ListFuture<unknown>(scope.instance, live, length);
  enlistMap(scope, live, list, variant, args);
  return list;
}

/**
 * The arguments of a map as columns. A list of another map is followed item by item, whether or not it has ended by now: an item that fails there fails here, at its place.
 * Beside other lists it is followed only where all lengths are known, for they have to be compared before anything begins; else it is waited for as a whole, like any future.
 */
function columnsOf(args: readonly unknown[]): { columns: Column[]; follows?: string; length?: number; bad?: WindhoverError } {
  const lists = new Map(args.flatMap((arg) => (arg instanceof ListFuture ? [[arg.id, arg.known] as const] : [])));
  const [[list, known] = []] = lists;
  const beside = args.filter((arg) => !isUnmapped(arg) && !(arg instanceof ListFuture));
  const follows = lists.size === 1 && (beside.length === 0 || (known !== undefined && !beside.some(isFuture))) ? list : undefined;
  let length: number | undefined;
  let bad: WindhoverError | undefined;
  const compare = (items: number): void => {
    length ??= items;
    if (length !== items)
      bad ??= new WindhoverError("WH1105", {
        message: "A task is mapped over arrays of different lengths.",
        expected: `arrays of ${length} items`,
        got: `${items} items`,
      });
  };
  const columns = args.map((arg): Column => {
    if (isUnmapped(arg)) return { same: arg.value };
    if (arg instanceof ListFuture && arg.id === follows) {
      if (arg.known !== undefined) compare(arg.known);
      return { follow: arg.id };
    }
    if (isFuture(arg)) return { call: arg };
    if (Array.isArray(arg)) compare(arg.length);
    else
      bad ??= new WindhoverError("WH1105", {
        message: "A task is mapped over something that is not an array.",
        expected: "arrays, futures of arrays, or unmapped(…)",
        got: typeof arg,
      });
    return { list: arg as readonly unknown[] };
  });
  if (args.every(isUnmapped))
    bad ??= new WindhoverError("WH1105", { message: "A task is mapped over nothing but constants.", expected: "at least one array", got: "only unmapped(…)" });
  if ((length ?? 0) > LIMITS.mapItems)
    bad ??= new WindhoverError("WH1306", { message: `A task is mapped over ${length} items.`, expected: `at most ${LIMITS.mapItems}`, got: String(length) });
  return { columns, follows, length: columns.some((column) => "call" in column) ? undefined : length, bad };
}

export type { RetryDelay };
