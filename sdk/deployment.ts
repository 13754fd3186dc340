/** Deployments: when and how often a flow runs by itself. */
import { encode, hash } from "../engine/codec.ts";
import type { FlowDefinition } from "../engine/definition.ts";
import { WindhoverError } from "../engine/errors.ts";
import type { DeploymentSettings, Overlap } from "../engine/messages.ts";
import { parametersOf, schedulesOf } from "./deployment-schedules.ts";
import type { Flow } from "./flow.ts";
import type { FlowVariant } from "./flow-variant.ts";
import { checkName } from "./options.ts";
import type { Schedule } from "./schedule-spec.ts";
import type { Trigger } from "./triggers.ts";

export interface DeploymentOptions<P> {
  readonly name: string;
  readonly schedules?: readonly Schedule[];
  readonly triggers?: readonly Trigger<Partial<P>>[];
  readonly parameters?: Partial<P>;
  readonly tags?: readonly string[];
  readonly version?: string;
  readonly description?: string;
  readonly paused?: boolean;
  readonly concurrency?: { readonly limit: number; readonly overlap?: Overlap; readonly key?: (parameters: P) => string };
}

export interface Deployment<P, R> {
  readonly name: string;
  readonly flow: Flow<P, R>;
}

/** A deployment as tools see it. */
export interface DeploymentDefinition extends Deployment<unknown, unknown> {
  readonly definition: FlowDefinition;
  readonly settings: DeploymentSettings;
  /** A hash of the settings: the same again changes nothing. */
  readonly revision: string;
  readonly triggers: readonly Trigger<unknown>[];
  readonly key?: (parameters: unknown) => string;
  readonly [deploymentKey]: true;
}
export const deploymentKey = Symbol.for("windhover.deployment");
export const isDeployment = (value: unknown): value is DeploymentDefinition => typeof value === "object" && value !== null && deploymentKey in value;

const refused = (name: string, why: string, expected: string, got?: string, cause?: unknown): WindhoverError =>
  new WindhoverError("WH1003", { message: `deployment "${name}"${why}`, expected, got, cause });

/** A schedule's runs get their key when the deployment is defined, for it follows from the schedule's parameters; all others when they are asked for. */
function keyOf(name: string, key: (parameters: never) => string, parameters: unknown): string {
  try {
    return key(parameters as never);
  } catch (cause) {
    throw refused(name, ": `concurrency.key` failed for the parameters of a run.", "a key for the parameters of each run", undefined, cause);
  }
}

const OPTIONS = new Set(["name", "schedules", "triggers", "parameters", "tags", "version", "description", "paused", "concurrency"]);

const OVERLAPS: ReadonlySet<string> = new Set(["queue", "skip", "cancel-running"]);

export function deploymentOf(of: Omit<FlowVariant, "call">, options: DeploymentOptions<unknown>, flow: Flow<unknown, unknown>): DeploymentDefinition {
  const { definition, overrides } = of;
  const name = checkName("deployment", options?.name);
  const unknown = Object.keys(options).find((option) => !OPTIONS.has(option));
  if (unknown !== undefined) throw refused(name, ` has no option "${unknown}".`, [...OPTIONS].join(", "), unknown);
  const {
    schedules = [],
    triggers = [],
    parameters = {},
    tags = [],
    version = definition.version,
    description = definition.description,
    paused = false,
    concurrency,
  } = options;
  if (concurrency && (!Number.isInteger(concurrency.limit) || concurrency.limit < 1))
    throw refused(name, `: \`concurrency.limit\` cannot be ${concurrency.limit}.`, "a whole number from 1 on", String(concurrency.limit));
  if (concurrency?.overlap !== undefined && !OVERLAPS.has(concurrency.overlap))
    throw refused(name, `: \`concurrency.overlap\` cannot be ${JSON.stringify(concurrency.overlap)}.`, [...OVERLAPS].join(", "), String(concurrency.overlap));
  const specs = schedulesOf(schedules, parameters, (got) => refused(name, " has the same schedule twice.", "other times or other parameters for each", got));
  const settings: DeploymentSettings = {
    flow: definition.name,
    schedules: specs,
    parameters: encode(parameters),
    tags: [...new Set([...(definition.tags ?? []), ...(of.tags ?? []), ...tags])],
    paused,
    ...(Object.keys(overrides).length > 0 && { overrides }),
    ...(version !== undefined && { version }),
    ...(description !== undefined && { description }),
    ...(concurrency && {
      concurrency: {
        limit: concurrency.limit,
        overlap: concurrency.overlap ?? "queue",
        ...(concurrency.key && {
          keys: specs.map((spec) => keyOf(name, concurrency.key as (parameters: never) => string, { ...parameters, ...parametersOf(spec) })),
        }),
      },
    }),
  };
  return {
    name,
    flow,
    definition,
    settings,
    revision: hash(JSON.stringify(settings)),
    triggers: triggers as readonly Trigger<unknown>[],
    ...(concurrency?.key && { key: (parameters: unknown) => keyOf(name, concurrency.key as (parameters: never) => string, parameters) }),
    [deploymentKey]: true,
  };
}
