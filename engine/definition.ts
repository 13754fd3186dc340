/** What `flow` and `task` define, as the engine sees it, and how definitions are found by name. */
import { WindhoverError } from "./errors.ts";

export type HookName = "onRunning" | "onCompletion" | "onFailure" | "onCancellation" | "onCrashed";
export const HOOK_NAMES: readonly HookName[] = ["onRunning", "onCompletion", "onFailure", "onCancellation", "onCrashed"];
export type HookFunction = (context: never) => unknown;
export type RetryDelay = number | readonly number[] | ((attempt: number, error: unknown) => number);

interface Policy {
  readonly description?: string;
  readonly version?: string;
  readonly tags?: readonly string[];
  readonly retries?: number;
  readonly retryDelaySeconds?: RetryDelay;
  readonly retryJitterFactor?: number;
  readonly timeoutSeconds?: number;
  readonly persistResult?: boolean;
  readonly pool?: string;
  readonly hooks: Partial<Record<HookName, readonly HookFunction[]>>;
}

export interface TaskDefinition extends Policy {
  readonly name: string;
  readonly fn: (...args: never[]) => unknown;
  /** Set when made by `withOptions` at module level: its place among those of its name, the same in every process that loads the module. */
  readonly variant?: number;
  readonly retryCondition?: (error: unknown, attempt: number) => boolean;
  readonly cacheKey?: "inputs" | ((...args: never[]) => string);
  readonly cacheExpirationSeconds?: number;
  readonly refreshCache?: boolean;
  readonly concurrency?: { readonly limit: number; readonly key?: (...args: never[]) => string };
  readonly onRollback?: (result: never, args: never) => unknown;
  readonly crashRetries?: number;
}

/** Standard Schema v1, as far as the engine needs it. Source: https://standardschema.dev */
export interface SchemaLike {
  readonly "~standard": { readonly version: 1; readonly vendor: string; readonly validate: (value: unknown) => unknown };
}

export interface FlowDefinition extends Policy {
  readonly name: string;
  readonly fn: (parameters: never) => unknown;
  readonly parameters?: SchemaLike;
}

export interface InputDefinition {
  readonly name: string;
  readonly schema: SchemaLike;
  readonly description?: string;
}

/**
 * The definitions that a process has loaded, by name. One name for two definitions is kept as a conflict and refused where the name alone has to decide:
 * a test file may define many flows called `f` and run each by its object.
 */
export class Code {
  readonly flows = new Map<string, FlowDefinition>();
  readonly tasks = new Map<string, TaskDefinition>();
  readonly inputs = new Map<string, InputDefinition>();
  readonly #variants = new Map<string, TaskDefinition[]>();
  readonly #conflicts = new Set<string>();

  addFlow(flow: FlowDefinition): void {
    if (this.flows.has(flow.name)) this.#conflicts.add(`flow ${flow.name}`);
    this.flows.set(flow.name, flow);
  }
  addTask(task: TaskDefinition): void {
    if (this.tasks.has(task.name)) this.#conflicts.add(`task ${task.name}`);
    this.tasks.set(task.name, task);
  }
  /** Gives a derived definition its number. */
  addVariant(make: (variant: number) => TaskDefinition, name: string): TaskDefinition {
    const known = this.#variants.get(name) ?? [];
    const definition = make(known.length);
    known.push(definition);
    this.#variants.set(name, known);
    return definition;
  }
  /** @throws WH2001 when no such flow is loaded. */
  flow(name: string): FlowDefinition {
    const found = this.flows.get(name);
    if (!found)
      throw new WindhoverError("WH2001", {
        message: `No flow is called "${name}".`,
        expected: this.flows.size ? `one of ${[...this.flows.keys()].sort().join(", ")}` : "an entry that exports a flow",
        got: name,
      });
    return found;
  }
  task(name: string, variant?: number): TaskDefinition | undefined {
    return variant === undefined ? this.tasks.get(name) : this.#variants.get(name)?.[variant];
  }
  /** @throws WH1002 when two definitions share a name. For entries and scripts, where names alone decide. */
  refuseConflicts(): void {
    const [first] = this.#conflicts;
    if (first !== undefined) throw this.#conflict(first);
  }
  /** @throws WH1002 when a flow calls a definition, and its name would find another one. */
  refuseShadowed(kind: "flow" | "task", { name, fn }: Pick<TaskDefinition | FlowDefinition, "name" | "fn">): void {
    if (this.#conflicts.size === 0 || !this.#conflicts.has(`${kind} ${name}`)) return;
    if ((kind === "flow" ? this.flows : this.tasks).get(name)?.fn !== fn) throw this.#conflict(`${kind} ${name}`);
  }
  #conflict(of: string): WindhoverError {
    return new WindhoverError("WH1002", {
      message: `There are two definitions of ${of.replace(" ", ' "')}".`,
      expected: "one definition a name",
      got: [...this.#conflicts].join(", "),
    });
  }
  clear(): void {
    for (const map of [this.flows, this.tasks, this.inputs, this.#variants, this.#conflicts]) map.clear();
  }
  /** Remembers what is loaded; the answer brings it back, for a new version of the code that turns out not to load. */
  keep(): () => void {
    const maps = [this.flows, this.tasks, this.inputs, this.#variants] as Map<string, unknown>[];
    const kept = maps.map((map) => [...map]);
    const conflicts = [...this.#conflicts];
    return () => {
      this.clear();
      maps.forEach((map, i) => {
        for (const [name, definition] of kept[i] ?? []) map.set(name, definition);
      });
      for (const name of conflicts) this.#conflicts.add(name);
    };
  }
}
