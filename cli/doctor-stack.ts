/** What `windhover doctor` looks at in a deployed stack: whether it is there and lets itself be read, and whether it has what the project has. */
import type { AwsClients } from "../adapters/aws/clients.ts";
import type { StackResources } from "../adapters/aws/stack.ts";
import type { Ports } from "../engine/ports.ts";
import { OPEN } from "../engine/state.ts";
import { findCdk, projectOf } from "./cdk.ts";
import { broken, type Check, check } from "./check.ts";
import type { Loaded } from "./loader.ts";
import { quotaCheck } from "./quota.ts";
import type { Settings } from "./settings.ts";
import { shortPath } from "./stack.ts";
import { plural } from "./terminal.ts";

interface Opened {
  readonly resources: StackResources;
  readonly clients: AwsClients;
  readonly ports: Ports;
}

export async function stackChecks(settings: Settings, stack: string, loaded: Loaded | undefined): Promise<Check[]> {
  const { region, profile } = settings;
  const [{ describeStack }, { createClients }, { openResources }] = await Promise.all([
    import("../adapters/aws/describe.ts"),
    import("../adapters/aws/clients.ts"),
    import("../adapters/aws/open.ts"),
  ]);
  const tools = await deployTools(settings);
  let resources: StackResources;
  try {
    resources = await describeStack({ stack, region, profile });
  } catch (error) {
    return [broken("stack", error), tools];
  }
  const clients = createClients({ region: resources.region, ...(profile !== undefined && { profile }) });
  const { ports, close } = openResources(resources, clients);
  const opened: Opened = { resources, clients, ports };
  try {
    return [
      check("stack")("ok", `${stack} in ${resources.region}, account ${resources.account}`),
      ...(await Promise.all([runs(opened), ...(loaded ? [deployed(opened, loaded, settings)] : []), letters(opened)])),
      ...(await quotaCheck(clients)),
      tools,
    ];
  } finally {
    await close();
  }
}

async function deployTools({ file }: Settings): Promise<Check> {
  const project = projectOf(file);
  try {
    await findCdk(project);
    return check("deploy")("ok", `aws-cdk is installed in ${shortPath(project)}`);
  } catch (error) {
    // The stack runs without it.
    return { ...broken("deploy", error), state: "warning" };
  }
}

const MOST = 500;

async function runs({ ports }: Opened): Promise<Check> {
  try {
    const { rows, cursor } = await ports.index.runs({ states: OPEN, limit: MOST });
    return check("runs")("ok", `${rows.length}${cursor === undefined ? "" : "+"} open ${rows.length === 1 ? "run" : "runs"}`);
  } catch (error) {
    return broken("runs", error);
  }
}

/** What the project has and the stack has not: it would be looked for there in vain. */
async function deployed({ resources, clients, ports }: Opened, { flows, deployments }: Loaded, settings: Settings): Promise<Check> {
  const { knownFlows } = await import("../adapters/aws/known-flows.ts");
  try {
    const [flowsThere, deploymentsThere] = await Promise.all([knownFlows({ clients, stack: resources }), ports.index.deployments()]);
    const missing = [
      ...flows.filter(({ name }) => !flowsThere.includes(name)).map(({ name }) => `the flow "${name}"`),
      ...deployments.filter(({ name }) => !deploymentsThere.some((row) => row.name === name)).map(({ name }) => `the deployment "${name}"`),
      ...Object.keys((settings.config["pools"] ?? {}) as object)
        .filter((name) => !Object.hasOwn(resources.pools, name))
        .map((name) => `the pool "${name}"`),
    ];
    if (missing.length > 0) return check("deployed")("warning", `the stack has not yet ${missing.join(", ")}`, `windhover deploy${settings.suffix}`);
    return check("deployed")("ok", "the stack has every flow, deployment and pool that is here");
  } catch (error) {
    return broken("deployed", error);
  }
}

async function letters({ resources, clients }: Opened): Promise<Check> {
  const { countDeadLetters } = await import("../adapters/aws/dead-letters.ts");
  const say = check("letters");
  try {
    const counts = await countDeadLetters({ clients, stack: resources });
    if (counts.size === 0) return say("ok", "no dead letters");
    return say(
      "warning",
      [...counts].map(([name, count]) => `${plural(count, "dead letter")} of ${name === "mailbox" ? "the mailbox" : `the pool "${name}"`}`).join(", "),
      `They are taken every five minutes. If they stay, ${resources.functions.deadLetters} says why in the log group ${resources.logGroup}.`,
    );
  } catch (error) {
    return broken("letters", error);
  }
}
