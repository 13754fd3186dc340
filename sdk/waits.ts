/** What a flow can wait for at no cost: time, an input, a person. */
import type { InputDefinition } from "../engine/definition.ts";
import { durationMs, WindhoverError } from "../engine/errors.ts";
import { currentScope, type FlowScope, shared } from "../engine/scope.ts";
import type { Duration } from "./duration.ts";
import { type AnySchema, checkName, type OutputOf } from "./options.ts";

/** The flow that is running, for what only a flow can do. */
export function flowScope(what: string): FlowScope {
  const scope = currentScope();
  if (scope?.kind === "flow") return scope;
  throw new WindhoverError(scope ? "WH1008" : "WH1007", {
    message: `${what} was called ${scope ? "inside a task" : "outside a flow"}.`,
    expected: "a flow's body",
  });
}

/**
 * Waits, durably: nothing runs meanwhile, and a crash loses nothing. A number is seconds.
 * @throws WindhoverError WH1004 for a duration that cannot be read, WH1007 outside of a flow, WH1008 inside of a task.
 * @example await sleep("1 day")
 */
export function sleep(duration: Duration | number): Promise<void> {
  const { instance } = flowScope("sleep()");
  const until = instance.now + durationMs(duration);
  return instance.call({ kind: "sleep", name: "sleep", spec: () => ({ until }) }).future as Promise<void>;
}

/**
 * Waits until a time, as {@link sleep} does. One in the past is over at once.
 * @throws WindhoverError WH1004 for what is no valid Date, WH1007 outside of a flow, WH1008 inside of a task.
 * @example await sleepUntil(new Date("2027-01-01T00:00:00Z"));
 */
export function sleepUntil(time: Date): Promise<void> {
  const { instance } = flowScope("sleepUntil()");
  const until = time instanceof Date ? time.getTime() : Number.NaN;
  if (Number.isNaN(until)) throw new WindhoverError("WH1004", { message: "sleepUntil() was not given a time.", expected: "a valid Date", got: String(time) });
  return instance.call({ kind: "sleep", name: "sleep", spec: () => ({ until }) }).future as Promise<void>;
}

/** Something that a run waits for and that comes from outside: a person's answer, another system's message. */
export interface RunInput<T> {
  readonly name: string;
  readonly _type?: T;
}

/**
 * Defines an input, with the schema (a Standard Schema) that it has to fit. It is known by its name: the client and `windhover runs input RUN NAME JSON` send it. What does not fit is
 * refused (WH1106), and the wait goes on.
 * @throws WindhoverError WH1001 without a usable name, WH1003 without a schema.
 * @example const Approval = runInput({ name: "approval", schema: z.object({ approved: z.boolean() }) });
 */
export function runInput<S extends AnySchema>(options: { readonly name: string; readonly schema: S; readonly description?: string }): RunInput<OutputOf<S>> {
  const name = checkName("run input", options?.name);
  if (!options.schema?.["~standard"])
    throw new WindhoverError("WH1003", {
      message: `The input "${name}" has no schema.`,
      expected: "a Standard Schema (zod, valibot, arktype)",
      got: typeof options.schema,
    });
  const definition: InputDefinition = { ...options, name };
  shared.code.inputs.set(name, definition);
  return definition as unknown as RunInput<OutputOf<S>>;
}

/**
 * Waits for an input; one that came before is taken at once, the oldest first. With a timeout the answer may be `null`.
 * @throws WindhoverError WH1004 for a timeout that cannot be read, WH1007 outside of a flow, WH1008 inside of a task.
 * @example const answer = await waitForInput(Approval, { timeout: "3 days" });
 */
export function waitForInput<T>(input: RunInput<T>): Promise<T>;
export function waitForInput<T>(input: RunInput<T>, options: { readonly timeout: Duration }): Promise<T | null>;
export function waitForInput<T>(input: RunInput<T>, options?: { readonly timeout: Duration }): Promise<T | null> {
  const { instance } = flowScope("waitForInput()");
  const until = options?.timeout === undefined ? undefined : instance.now + durationMs(options.timeout);
  return instance.call({ kind: "input", name: `input ${input.name}`, spec: () => ({ input: input.name, ...(until !== undefined && { until }) }) })
    .future as Promise<T | null>;
}

/**
 * Waits until somebody resumes the run: the client's `resume`, or `windhover runs resume RUN`.
 * @throws WindhoverError WH1401 when nobody does within `timeout`, WH1004 for a timeout that cannot be read, WH1007 outside of a flow, WH1008 inside of a task.
 * @example await pause({ timeout: "3 days" });
 */
export function pause(options: { readonly timeout?: Duration } = {}): Promise<void> {
  const { instance } = flowScope("pause()");
  const until = options.timeout === undefined ? undefined : instance.now + durationMs(options.timeout);
  return instance.call({ kind: "pause", name: "pause", spec: () => (until === undefined ? {} : { until }) }).future as Promise<void>;
}
