/**
 * Told by CloudFormation after each deploy, as a custom resource: the deployments of the code hear what it says now, those that are gone are paused. On the stack's end it
 * deletes what the stack has made at run time and CloudFormation knows nothing of. It always answers, also where the author's code throws while it is loaded: CloudFormation would
 * wait until its patience is over, and once more for the way back.
 */
import type { CloudFormationCustomResourceEvent, Context } from "aws-lambda";
import { noteFlows } from "../adapters/aws/known-flows.ts";
import { deploymentActor } from "../engine/messages.ts";
import { keepBuild } from "./builds.ts";
import { empty, isEmptied } from "./emptying.ts";
import { deploymentsOf, type FunctionHost, type LateModules, openFunction } from "./host.ts";
import { configureMessage } from "./mail.ts";
import { errorFields, note } from "./note.ts";
import { pruneBuilds } from "./old-builds.ts";

type Handler = (event: CloudFormationCustomResourceEvent, context: Pick<Context, "getRemainingTimeInMillis">) => Promise<void>;

/** @example export const handler = deployed([() => import("./flows.ts")]); */
export function deployed(modules: LateModules): Handler {
  let fn: FunctionHost | undefined;
  return deployedOf(() => {
    fn ??= openFunction([], "client");
    return fn;
  }, modules);
}

export function deployedOf(open: () => FunctionHost, modules: LateModules = [], put: typeof fetch = fetch): Handler {
  return async (event, context) => {
    note("INFO", "deployed", { request: event.RequestType });
    try {
      const fn = open();
      fn.time.begin(context.getRemainingTimeInMillis());
      await fn.time.bound(work(fn, event, modules));
      await answer(put, event, { Status: "SUCCESS" });
    } catch (error) {
      note("ERROR", "deployed", errorFields(error));
      await answer(put, event, { Status: "FAILED", Reason: (error instanceof Error ? error.message : String(error)).slice(0, 1000) });
    }
  };
}

async function work(fn: FunctionHost, event: CloudFormationCustomResourceEvent, modules: LateModules): Promise<void> {
  if (event.RequestType === "Delete") {
    const wanted: unknown = event.ResourceProperties["Empty"];
    return empty(fn, (Array.isArray(wanted) ? wanted : []).filter(isEmptied));
  }
  const loaded: object[] = [];
  for (const load of modules) loaded.push(await load());
  const deployments = deploymentsOf(loaded);
  const { ports, build, clients, code, stack } = fn;
  const { Build, Code } = event.ResourceProperties as Readonly<Record<string, unknown>>;
  if (typeof Build === "string" && typeof Code === "string") {
    await keepBuild({ clients, stack }, Build, Code);
    await prune({ clients, stack }, Build);
  }
  await noteFlows({ clients, stack }, code.flows.keys());
  await Promise.all(
    [...deployments.values()].map((deployment) => ports.mailbox.send(deploymentActor(deployment.name), { ...configureMessage(deployment), deployed: true })),
  );
  const gone = (await ports.index.deployments()).filter(({ name, paused }) => !paused && !deployments.has(name));
  await Promise.all(
    gone.map(({ name }) => ports.mailbox.send(deploymentActor(name), { kind: "pause", id: `pause:gone:${build ?? event.RequestId}`, gone: true })),
  );
  for (const { name } of gone) note("WARN", "a deployment is no longer in the code: it is paused", { deployment: name });
}

/** Tidying is no reason for a deploy to fail: the next one tries again. */
async function prune(parts: Pick<FunctionHost, "clients" | "stack">, build: string): Promise<void> {
  try {
    for (const gone of await pruneBuilds(parts, build)) note("INFO", "the containers' code of a build that is no longer deployed was deleted", { build: gone });
  } catch (error) {
    note("WARN", "containers' code that is over could not be looked for", errorFields(error));
  }
}

/** Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html */
async function answer(
  put: typeof fetch,
  event: CloudFormationCustomResourceEvent,
  outcome: { readonly Status: "SUCCESS" | "FAILED"; readonly Reason?: string },
): Promise<void> {
  const { StackId, RequestId, LogicalResourceId, ResponseURL } = event;
  const PhysicalResourceId = "PhysicalResourceId" in event ? event.PhysicalResourceId : `windhover-${LogicalResourceId}`;
  const body = JSON.stringify({ ...outcome, PhysicalResourceId, StackId, RequestId, LogicalResourceId });
  // The address is signed for a request without a content type.
  const { ok, status } = await put(ResponseURL, { method: "PUT", headers: { "content-type": "" }, body });
  if (!ok) throw new Error(`CloudFormation's address answered ${status}`);
}
