/** Blocks: settings with secrets, loaded inside a task. What is secret is never printed, logged or stored in a result. */
import { decode } from "../engine/codec.ts";
import { WindhoverError } from "../engine/errors.ts";
import { check } from "../engine/schema.ts";
import { currentScope } from "../engine/scope.ts";
import { conceal, MASK, maskError, SHOWN } from "../engine/secrecy.ts";
import { type AnySchema, checkName, type OutputOf, type Schema } from "./options.ts";

const INSPECT = Symbol.for("nodejs.util.inspect.custom");

export interface BlockType<V, B> {
  readonly type: string;
  /**
   * What `make` makes of the block's values as they are stored (on AWS what was read is good for five minutes). Load it in each task that needs it.
   * @throws WindhoverError WH1007 outside of a task, WH2016 when it is not set or does not fit; what `make` throws.
   */
  load(name: string): Promise<B>;
  readonly _values?: V;
}

/** A block type as tools see it: they check values before they store them. */
export interface BlockDefinition {
  readonly type: string;
  readonly schema: Schema;
  readonly secret: readonly string[];
  readonly description?: string;
}
export const blockTypes = new Map<string, BlockDefinition>();

/**
 * Defines a block type. `windhover block set TYPE/NAME` stores the values of one, which have to fit `schema`; `load(name)`, in a task, checks them again and hands them to `make`. The
 * fields that `secret` names are printed, logged and stored as `***` from then on, wherever they occur.
 * @throws WindhoverError WH1001 without a usable type.
 * @example const Warehouse = defineBlock({ type: "warehouse", schema: z.object({ url: z.string(), password: z.string() }), secret: ["password"] }, (v) => connectTo(v));
 */
export function defineBlock<S extends AnySchema, B>(
  options: { readonly type: string; readonly schema: S; readonly secret: readonly (keyof OutputOf<S> & string)[]; readonly description?: string },
  make: (values: OutputOf<S>) => B,
): BlockType<OutputOf<S>, B> {
  const type = checkName("block type", options?.type);
  blockTypes.set(type, { ...options, type });
  return {
    type,
    async load(name: string): Promise<B> {
      const scope = currentScope();
      if (scope?.kind !== "task")
        throw new WindhoverError("WH1007", {
          message: `The block ${type}/${name} was loaded outside a task.`,
          expected: "a task's body, so that no secret enters the flow's log",
        });
      const text = await scope.services.secret(`${type}/${name}`);
      if (text === null)
        throw new WindhoverError("WH2016", {
          message: `The block ${type}/${name} is not set.`,
          got: `${type}/${name}`,
          action: `Set it where the run runs: windhover block set ${type}/${name} (of a stack: with --stack NAME).`,
        });
      const stored = decode(text);
      concealFields(stored, options.secret);
      const checked = await check(
        options.schema,
        stored,
        (_got, issues) =>
          new WindhoverError("WH2016", {
            message: `The block ${type}/${name} does not fit its type: ${issues}`,
            expected: "what the block's schema says",
            got: "***",
          }),
      );
      if (!checked.ok) throw checked.error;
      concealFields(checked.value, options.secret);
      return make(guarded(checked.value as OutputOf<S> & object, options.secret));
    },
  };
}

/** Wherever a secret occurs from now on, `***` is written; also in what Node prints of an error that ends the process. */
function concealFields(values: unknown, secret: readonly string[]): void {
  for (const field of secret) conceal((values as Readonly<Record<string, unknown>> | null)?.[field]);
  if (watching) return;
  watching = true;
  process.on("uncaughtExceptionMonitor", (error) => maskError(error));
}
let watching = false;

/** Printing and storing the values shows *** for what is secret; using them does not. */
function guarded<V extends object>(values: V, secret: readonly string[]): V {
  const shown = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, secret.includes(key) ? MASK : value]));
  for (const key of [INSPECT, SHOWN, "toJSON"]) Object.defineProperty(values, key, { value: () => shown, enumerable: false });
  return values;
}

const valueSchema: Schema<{ value: string }> = {
  "~standard": {
    version: 1,
    vendor: "windhover",
    validate: (given) =>
      typeof (given as { value?: unknown } | null)?.value === "string" ? { value: given } : { issues: [{ message: "has no `value` string", path: [] }] },
  },
};

/** One secret text. @example const key = (await Secret.load("openai")).get(); */
export const Secret: BlockType<{ value: string }, { get(): string }> = defineBlock(
  { type: "secret", schema: valueSchema, secret: ["value"], description: "One secret text." },
  (values) => {
    const holder = { get: (): string => values.value };
    Object.defineProperty(holder, INSPECT, { value: () => `Secret(${MASK})`, enumerable: false });
    return holder;
  },
);
