/** What comes from outside, as messages to deployments: the author's `parameters` functions run here. An event's id makes the run's id, so that one that comes twice is one run. */
import { decode, encode, encodeError, hash } from "../engine/codec.ts";
import { WindhoverError } from "../engine/errors.ts";
import type { Payload, RunRow } from "../engine/events.ts";
import { type DeploymentMessage, deploymentActor } from "../engine/messages.ts";
import { runName } from "../engine/names.ts";
import type { Ports, Results } from "../engine/ports.ts";
import { stored } from "../engine/spill.ts";
import type { DeploymentDefinition } from "../sdk/deployment.ts";
import type { Trigger } from "../sdk/triggers.ts";
import { matches } from "../server/event-pattern.ts";
import { type ArrivedEvent, asBusEvent, asS3Object } from "./bus-event.ts";

/** The event that a run is started by. */
export interface Cause {
  /** Tells this event from all others, within the deployment: `event/<id>`. */
  readonly id: string;
  /** When it happened. Unit: milliseconds since 1970. */
  readonly at: number;
  /** Kept as the parameters of a run that could not be started with what was made of it. */
  readonly payload: unknown;
}

type TriggerMessage = Extract<DeploymentMessage, { kind: "trigger" }>;

/** The message for the deployment's mailbox. What `parameters` throws makes a run that fails with it, so that nothing is lost in silence. */
export async function triggerMessage(
  deployment: Pick<DeploymentDefinition, "name" | "settings" | "key">,
  cause: Cause,
  parameters: () => unknown,
  results: Results,
): Promise<TriggerMessage> {
  try {
    const merged = { ...(decode(textOf(deployment.settings.parameters)) as object), ...((await parameters()) as object | undefined) };
    const key = deployment.key?.(merged);
    return { ...bare(deployment.name, cause), parameters: await stored(encode(merged), results), ...(key !== undefined && { concurrencyKey: key }) };
  } catch (error) {
    const problem = new WindhoverError("WH1101", {
      message: `A trigger of "${deployment.name}" could not make parameters: ${error instanceof Error ? error.message : String(error)}`,
      got: cause.id,
      cause: error,
    });
    return problemMessage(deployment.name, cause, problem, results);
  }
}

/** A run that ends as Failed at once: it says what is wrong, and keeps what came. */
export async function problemMessage(deployment: string, cause: Cause, problem: WindhoverError, results: Results): Promise<TriggerMessage> {
  return { ...bare(deployment, cause), parameters: await stored(encode({ event: cause.payload }), results), problem: encodeError(problem) };
}

function bare(deployment: string, { id, at }: Cause): Omit<TriggerMessage, "parameters"> {
  const run = hash(`${deployment}/${id}`).slice(0, 16);
  return { kind: "trigger", id: `trigger:${run}`, run, name: runName(run), createdAt: at };
}

const textOf = (payload: Payload): string => {
  if (typeof payload === "string") return payload;
  throw new WindhoverError("WH9001", { message: "A deployment's own parameters are in the code, not in the result store." });
};

/** One of a deployment's triggers, with the fields of its kind. */
type Options = Trigger<unknown> & {
  readonly parameters?: (event: unknown) => unknown;
  readonly queueArn?: string;
  readonly flow?: string;
  readonly state?: string;
  readonly detail?: Readonly<Record<string, unknown>>;
};

/** The message for an event that a rule of the stack sent to the deployment's mailbox, or null where the trigger asks for other events. */
export async function eventMessage(deployment: DeploymentDefinition, trigger: number, event: ArrivedEvent, results: Results): Promise<TriggerMessage | null> {
  const options = deployment.triggers[trigger] as Options | undefined;
  const cause: Cause = { id: `event/${event.id}`, at: event.at, payload: event.raw };
  if (!options) {
    // A rule of an older deploy: the code has fewer triggers now.
    const expected = `one of its ${deployment.triggers.length} triggers`;
    const message = `"${deployment.name}" has no trigger ${trigger} any more.`;
    return problemMessage(deployment.name, cause, new WindhoverError("WH2014", { message, expected, got: String(trigger) }), results);
  }
  if (event.emitted && options.detail && !matches(options.detail, event.detail)) return null;
  return triggerMessage(deployment, cause, () => options.parameters?.(options.kind === "s3" ? asS3Object(event) : asBusEvent(event)), results);
}

/** A message of a queue that `onQueue` names. Several deployments may listen to one. */
export async function queueMessages(
  deployments: Iterable<DeploymentDefinition>,
  queueArn: string,
  message: { readonly id: string; readonly body: string; readonly at: number },
  results: Results,
): Promise<readonly { readonly actor: string; readonly message: TriggerMessage }[]> {
  const { id, body, at } = message;
  return Promise.all(
    triggersOf(deployments, "queue", ({ queueArn: arn }) => arn === queueArn).map(async ([deployment, { parameters }]) => ({
      actor: deploymentActor(deployment.name),
      message: await triggerMessage(deployment, { id: `queue/${id}`, at, payload: { id, body } }, () => parameters?.({ id, body }), results),
    })),
  );
}

/** Sends what `onRunState` triggers ask for as a run reaches a state. Part of performing an entry's effects, so that a crash between the two loses nothing. */
export async function fireRunState(
  deployments: Iterable<DeploymentDefinition>,
  row: RunRow,
  { mailbox, results }: Pick<Ports, "mailbox" | "results">,
): Promise<void> {
  const { id, state, flow } = row;
  const bound = triggersOf(deployments, "run-state", (trigger) => trigger.flow === flow && trigger.state === state.type);
  await Promise.all(
    bound.map(async ([deployment, { parameters }]) => {
      // Only where a trigger asks for runs.
      const { summaryOf } = await import("../sdk/summary.ts");
      const summary = summaryOf(row);
      const cause: Cause = { id: `run/${id}/${state.type}/${state.timestamp}`, at: state.timestamp, payload: { run: id, flow, state: state.type } };
      await mailbox.send(deploymentActor(deployment.name), await triggerMessage(deployment, cause, () => parameters?.(summary), results));
    }),
  );
}

function triggersOf(deployments: Iterable<DeploymentDefinition>, kind: string, fits: (trigger: Options) => boolean): [DeploymentDefinition, Options][] {
  return [...deployments].flatMap((deployment) =>
    (deployment.triggers as readonly Options[])
      .filter((trigger) => trigger.kind === kind && fits(trigger))
      .map((trigger): [DeploymentDefinition, Options] => [deployment, trigger]),
  );
}
