/** A task as one place calls it: its definition, and what `withOptions` has set to other values. */
import type { TaskDefinition } from "../engine/definition.ts";
import type { CallSpec } from "../engine/events.ts";
import { given } from "../engine/optional.ts";
import type { CallOptions } from "./options.ts";

export interface Variant {
  readonly definition: TaskDefinition;
  readonly call: CallOptions;
  /** The definition's registered name, where `withOptions` gave another. */
  readonly base: string;
  readonly overrides: Readonly<Record<string, unknown>>;
}

/** What the log has to know of the task's options; what stands in the definition and concerns only the executor stays there. */
export function policyOf({ definition, base, overrides }: Variant): CallSpec {
  const { name, retries, crashRetries, timeoutSeconds, pool, tags, persistResult, hooks, variant } = definition;
  return given<CallSpec>({
    retries: retries || undefined,
    crashRetries,
    timeoutSeconds,
    pool,
    tags: tags?.length ? tags : undefined,
    transient: persistResult === false ? true : undefined,
    hooks: countsOf(hooks),
    task: base === name ? undefined : base,
    variant,
    overrides: Object.keys(overrides).length > 0 ? JSON.stringify(overrides) : undefined,
  });
}

/** How many hooks of each name there are; none for most tasks. */
function countsOf(hooks: TaskDefinition["hooks"]): CallSpec["hooks"] {
  const lists = Object.entries(hooks);
  return lists.length > 0 ? Object.fromEntries(lists.map(([hook, list]) => [hook, list.length])) : undefined;
}

/** How often a rollback is tried again, where its task does not say it. */
const RETRIES = 3;

/** The same for the task's rollback: it runs where the task runs, for as long, and is found as it is found. What concerns the task's result, or what comes after it, does not concern its rollback. */
export function rollbackPolicyOf(variant: Variant): CallSpec {
  const { crashRetries, timeoutSeconds, pool, tags, variant: number, overrides } = policyOf(variant);
  const retries = variant.definition.retries ?? RETRIES;
  return given<CallSpec>({
    retries: retries || undefined,
    crashRetries,
    timeoutSeconds,
    pool,
    tags,
    variant: number,
    overrides,
    role: "rollback",
    task: variant.base,
  });
}
