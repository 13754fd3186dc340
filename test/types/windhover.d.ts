// The public surface, as types: `contract.ts` asserts that the package keeps it. To change the surface, change it here first.
// `Schema` is Standard Schema v1: zod, valibot and arktype satisfy it.
export interface Schema<In = unknown, Out = In> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly types?: { readonly input: In; readonly output: Out } | undefined;
    readonly validate: (value: unknown) => unknown;
  };
}
type In<S> = S extends { "~standard": { types?: { input: infer I } | undefined } } ? I : never;
type Out<S> = S extends { "~standard": { types?: { output: infer O } | undefined } } ? O : never;

type Unit = "second" | "seconds" | "minute" | "minutes" | "hour" | "hours" | "day" | "days";
export type Duration = `${number} ${Unit}`;

export type State<R = unknown> = { readonly name: string; readonly message?: string; readonly timestamp: Date } & (
  | { readonly type: "SCHEDULED"; readonly scheduledTime: Date; readonly reason?: WaitReason }
  | { readonly type: "PENDING" | "PAUSED" | "CANCELLING"; readonly reason: WaitReason }
  | { readonly type: "RUNNING" }
  | { readonly type: "CANCELLED" }
  | { readonly type: "CRASHED" | "FAILED"; readonly error: Error }
  | { readonly type: "COMPLETED"; readonly result: R }
);
/** Why something is not running: what it waits for, since when, and what would let it go on. */
export interface WaitReason {
  readonly code: string;
  readonly message: string;
  readonly since: Date;
  readonly until?: Date;
  readonly blockedBy?: readonly string[];
}

export interface Future<R> extends Promise<R> {
  readonly id: string;
  state(): Promise<State<R>>;
}
export interface FutureList<R> extends Future<R[]>, Iterable<Future<R>>, AsyncIterable<{ readonly index: number; readonly state: State<R> }> {
  readonly id: string;
  readonly length: number;
  states(): Promise<State<R>[]>;
}
// A brand is what it is by its declaration: two of them are never assignable to each other, so the contract takes the package's own.
export type Unmapped<T> = import("windhover").Unmapped<T>;
export declare function unmapped<T>(value: T): Unmapped<T>;

type Inputs<A extends readonly unknown[]> = { [K in keyof A]: A[K] | Future<A[K]> };
type Mapped<A extends readonly unknown[]> = { [K in keyof A]: readonly A[K][] | Future<readonly A[K][]> | Future<A[K][]> | FutureList<A[K]> | Unmapped<A[K]> };

export type RetryDelay = number | readonly number[] | ((attempt: number, error: unknown) => number);
export declare function exponential(baseSeconds: number, options?: { factor?: number; maxSeconds?: number }): RetryDelay;
export interface HookContext<R> {
  readonly id: string;
  readonly name: string;
  readonly state: State<R>;
  readonly parameters: unknown;
}
export type Hook<R> = (context: HookContext<R>) => unknown;
interface Shared<R> {
  readonly description?: string;
  readonly version?: string;
  readonly tags?: readonly string[];
  readonly retries?: number;
  readonly retryDelaySeconds?: RetryDelay;
  readonly retryJitterFactor?: number;
  readonly timeoutSeconds?: number;
  readonly onRunning?: readonly Hook<R>[];
  readonly onCompletion?: readonly Hook<R>[];
  readonly onFailure?: readonly Hook<R>[];
  readonly onCancellation?: readonly Hook<R>[];
  readonly onCrashed?: readonly Hook<R>[];
}
/** The task's arguments, taken from its function alone; a function of fewer arguments fits as well. */
type ArgumentsOf<A extends readonly unknown[]> = { [K in keyof A]: NoInfer<A[K]> };
export interface TaskOptions<A extends readonly unknown[], R> extends Shared<R> {
  readonly name: string;
  readonly retryCondition?: (error: unknown, attempt: number) => boolean;
  readonly cacheKey?: "inputs" | ((...args: ArgumentsOf<A>) => string);
  readonly cacheExpirationSeconds?: number;
  readonly refreshCache?: boolean;
  readonly persistResult?: boolean;
  readonly pool?: string;
  readonly concurrency?: { readonly limit: number; readonly key?: (...args: ArgumentsOf<A>) => string };
  readonly onRollback?: (result: NoInfer<R>, args: NoInfer<A>) => unknown;
  /** How often it may run again because its process died (default 3). Apart from `retries`, which counts what the task threw. 0: at most once. */
  readonly crashRetries?: number;
}
export interface CallOptions {
  readonly key?: string;
  readonly waitFor?: readonly (Future<unknown> | FutureList<unknown>)[];
  readonly mapConcurrency?: number;
  readonly toleratedFailures?: number;
}
export interface Task<A extends readonly unknown[], R> {
  (...args: Inputs<A>): Future<R>;
  map(...args: Mapped<A>): FutureList<R>;
  withOptions(options: Partial<Omit<TaskOptions<A, R>, "name">> & { readonly name?: string } & CallOptions): Task<A, R>;
}
export declare function task<A extends readonly unknown[], R>(options: TaskOptions<A, R>, fn: (...args: A) => R | Promise<R>): Task<A, R>;

export interface Flow<P, R> {
  (...args: {} extends P ? [parameters?: P] : [parameters: P]): Future<R>;
  withOptions(options: Partial<FlowOptions<never, R>> & CallOptions): Flow<P, R>;
  deployment(options: DeploymentOptions<P>): Deployment<P, R>;
}
export interface FlowOptions<S, R = unknown> extends Shared<R> {
  readonly name: string;
  readonly parameters?: S;
  readonly pool?: string;
  readonly persistResult?: boolean;
}
export declare function flow<S extends Schema<any, any>, R>(
  options: FlowOptions<S, R> & { readonly parameters: S },
  fn: (parameters: Out<S>) => R | Promise<R>,
): Flow<In<S>, R>;
export declare function flow<R>(options: FlowOptions<undefined, R>, fn: () => R | Promise<R>): Flow<{}, R>;

export interface Schedule {
  readonly kind: "cron" | "interval" | "rrule" | "at";
}
interface ScheduleOptions {
  readonly timezone?: string;
  readonly active?: boolean;
  readonly catchUp?: "skip" | "latest" | "all";
  readonly jitterSeconds?: number;
  readonly parameters?: Record<string, unknown>;
}
export declare function cron(expression: string, options?: ScheduleOptions): Schedule;
export declare function interval(every: Duration, options?: ScheduleOptions & { readonly anchor?: Date }): Schedule;
export declare function rrule(rule: string, options?: ScheduleOptions): Schedule;
export declare function at(time: Date, options?: ScheduleOptions): Schedule;
export interface Trigger<P> {
  readonly kind: string;
  readonly _parameters?: P;
}
export interface S3ObjectEvent {
  readonly bucket: string;
  readonly key: string;
  readonly size: number;
  readonly eTag: string;
  readonly url: string;
  readonly eventId: string;
  readonly time: Date;
}
export interface WebhookEvent {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly body: unknown;
}
export declare function onS3Object<P>(options: {
  readonly bucket: string;
  readonly prefix?: string;
  readonly suffix?: string;
  readonly parameters?: (event: S3ObjectEvent) => P;
}): Trigger<P>;
export declare function onWebhook<P>(options: {
  readonly path: string;
  readonly secret?: string;
  readonly parameters?: (event: WebhookEvent) => P;
}): Trigger<P>;
export interface BusEvent<D = unknown> {
  readonly id: string;
  readonly detail: D;
  readonly time: Date;
}
export declare function onEvent<P, D = unknown>(options: {
  readonly source: string;
  readonly detailType?: string;
  readonly detail?: Record<string, unknown>;
  readonly parameters?: (event: BusEvent<D>) => P;
}): Trigger<P>;
export declare function onQueue<P>(options: {
  readonly queueArn: string;
  readonly parameters?: (message: { readonly id: string; readonly body: string }) => P;
}): Trigger<P>;
export declare function onRunState<P>(options: {
  readonly flow: string;
  readonly state: State["type"];
  readonly parameters?: (run: RunSummary) => P;
}): Trigger<P>;
export interface DeploymentOptions<P> {
  readonly name: string;
  readonly schedules?: readonly Schedule[];
  readonly triggers?: readonly Trigger<Partial<P>>[];
  readonly parameters?: Partial<P>;
  readonly tags?: readonly string[];
  readonly version?: string;
  readonly description?: string;
  readonly paused?: boolean;
  readonly concurrency?: { readonly limit: number; readonly overlap?: "queue" | "skip" | "cancel-running"; readonly key?: (parameters: P) => string };
}
export interface Deployment<P, R> {
  readonly name: string;
  readonly flow: Flow<P, R>;
}

export declare function sleep(duration: Duration | number): Promise<void>;
export declare function sleepUntil(time: Date): Promise<void>;
export interface RunInput<T> {
  readonly name: string;
  readonly _type?: T;
}
export declare function runInput<S extends Schema<any, any>>(options: {
  readonly name: string;
  readonly schema: S;
  readonly description?: string;
}): RunInput<Out<S>>;
export declare function waitForInput<T>(input: RunInput<T>): Promise<T>;
export declare function waitForInput<T>(input: RunInput<T>, options: { readonly timeout: Duration }): Promise<T | null>;
export declare function pause(options?: { readonly timeout?: Duration }): Promise<void>;
export declare function concurrency<R>(limit: string, options: { readonly occupy?: number; readonly key?: string }, fn: () => Promise<R>): Promise<R>;
export declare function rateLimit(name: string): Promise<void>;
export declare function transaction<R>(fn: () => Promise<R>): Promise<R>;
export declare function continueAsNew<P>(parameters: P): never;
export declare function emit(event: { readonly type: string; readonly detail?: unknown }): Promise<void>;
export declare function runContext(): {
  readonly runId: string;
  readonly runName: string;
  readonly flow: string;
  readonly deployment?: string;
  readonly scheduledTime?: Date;
  readonly parameters: unknown;
  readonly tags: readonly string[];
  readonly task?: {
    readonly id: string;
    readonly name: string;
    readonly attempt: number;
    readonly idempotencyKey: string;
    readonly signal: AbortSignal;
    heartbeat(progress?: number): void;
  };
};
export declare const log: {
  debug(message: string, fields?: object): void;
  info(message: string, fields?: object): void;
  warn(message: string, fields?: object): void;
  error(message: string, fields?: object): void;
};
export declare const artifact: {
  markdown(key: string, markdown: string): Promise<void>;
  table(key: string, rows: readonly object[]): Promise<void>;
  link(key: string, url: string, text?: string): Promise<void>;
  image(key: string, url: string): Promise<void>;
  progress(key: string, fraction: number): Promise<void>;
};
export declare function variable<T = string>(name: string, fallback?: T): Promise<T>;
export declare class FailNow extends Error {
  constructor(message: string, options?: { cause?: unknown });
}
export declare class RetryAfter extends Error {
  constructor(after: Duration | number, message?: string);
}
export declare class WindhoverError extends Error {
  readonly code: `WH${number}`;
  readonly expected?: string;
  readonly got?: string;
  readonly action: string;
  readonly docs: string;
}

export interface BlockType<V, B> {
  readonly type: string;
  load(name: string): Promise<B>;
  readonly _values?: V;
}
export declare function defineBlock<S extends Schema<any, any>, B>(
  options: { readonly type: string; readonly schema: S; readonly secret: readonly (keyof Out<S> & string)[]; readonly description?: string },
  make: (values: Out<S>) => B,
): BlockType<Out<S>, B>;
export declare const Secret: BlockType<{ value: string }, { get(): string }>;

export interface RunSummary {
  readonly id: string;
  readonly name: string;
  readonly flow: string;
  readonly deployment?: string;
  readonly state: State;
  readonly tags: readonly string[];
  readonly createdAt: Date;
  readonly startedAt?: Date;
  readonly endedAt?: Date;
  readonly costUsd?: number;
}
export interface Run<R> {
  readonly id: string;
  state(): Promise<State<R>>;
  result(): Promise<R>;
  cancel(): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  retry(): Promise<Run<R>>;
  rerunFrom(taskId: string, edits?: { readonly parameters?: unknown; readonly result?: unknown }): Promise<Run<R>>;
  input<T>(input: RunInput<T>, value: T): Promise<void>;
}
export interface Client {
  run<P, R>(
    target: Flow<P, R> | Deployment<P, R> | string,
    parameters?: Partial<P>,
    options?: { readonly idempotencyKey?: string; readonly scheduledTime?: Date; readonly tags?: readonly string[]; readonly name?: string },
  ): Promise<Run<R>>;
  get<R = unknown>(runId: string): Run<R>;
  runs(filter?: {
    readonly flow?: string;
    readonly deployment?: string;
    readonly state?: State["type"] | readonly State["type"][];
    readonly tag?: string;
    readonly since?: Date;
    readonly until?: Date;
    readonly limit?: number;
    readonly cursor?: string;
  }): Promise<{ readonly runs: readonly RunSummary[]; readonly cursor?: string }>;
  /** A limit by name or tag: so many at once, or so many a period; null takes it away. */
  setLimit(name: string, limit: number | { readonly limit: number; readonly per: Duration } | null): Promise<void>;
  limits(): Promise<readonly { readonly name: string; readonly limit: number; readonly holders: readonly string[]; readonly waiters: readonly string[] }[]>;
  close(): Promise<void>;
}
/** The embedded backend in `directory`, the server at `url`, or a deployed stack by name with the caller's AWS credentials. */
export declare function connect(
  target?: { readonly directory?: string } | { readonly url: string; readonly apiKey?: string } | { readonly stack: string; readonly region?: string },
): Promise<Client>;

/** `windhover.config.ts`. Relative paths count from its folder; the environment (`WINDHOVER_…`) and flags weigh more. */
export declare function defineConfig(config: {
  readonly entry: string | readonly string[];
  readonly directory?: string;
  readonly port?: number;
  readonly stages?: Readonly<Record<string, { readonly stack?: string; readonly region?: string; readonly profile?: string; readonly directory?: string }>>;
  readonly pools?: Readonly<Record<string, PoolOptions>>;
  readonly retention?: { readonly completed?: Duration; readonly failed?: Duration };
}): unknown;
/** Where tasks that name a pool run: a Lambda of another size, or a container for more than 15 minutes or 10 GB. Embedded, a bounded number of workers. */
export type PoolOptions = { readonly concurrency?: number } & (
  | { readonly kind?: "lambda"; readonly memoryMb?: number; readonly timeoutSeconds?: number }
  | { readonly kind: "container"; readonly cpu: number; readonly memoryMb: number; readonly image?: string }
);

/** `windhover/testing`: virtual time, stubs, crashes. Nothing is stored outside memory. */
export interface TestHarness extends AsyncDisposable {
  readonly client: Client;
  stub<A extends readonly unknown[], R>(target: Task<A, R>, fn: (...args: A) => R | Promise<R>): void;
  calls<A extends readonly unknown[], R>(target: Task<A, R>): readonly A[];
  advance(duration: Duration): Promise<void>;
  /** Runs the flow once for each durable event, killing the process right after that event; every run must reach the same state. */
  crashEverywhere<P, R>(target: Flow<P, R>, parameters: P): Promise<readonly State<R>[]>;
  /** Runs the flow under `seeds` random schedules of crashes, duplicates, delays and reorderings. */
  simulate<P, R>(
    target: Flow<P, R>,
    parameters: P,
    options: { readonly seeds: number; readonly firstSeed?: number },
  ): Promise<{ readonly states: readonly State<R>[]; readonly failingSeed?: number }>;
  history(runId: string): Promise<readonly unknown[]>;
  replay<P, R>(target: Flow<P, R>, history: readonly unknown[]): Promise<State<R>>;
}
export declare function createTestHarness(options?: { readonly seed?: number; readonly now?: Date }): Promise<TestHarness>;
