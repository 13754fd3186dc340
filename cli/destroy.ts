/** `windhover destroy`: the stack, and with `--data` what it leaves behind, also where the stack itself is gone already. */
import { join } from "node:path";
import type { KeptData } from "../adapters/aws/kept-data.ts";
import type { StackResources } from "../adapters/aws/stack.ts";
import { WindhoverError } from "../engine/errors.ts";
import { findCdk, projectOf, runCdk } from "./cdk.ts";
import { common, environment, stackName } from "./deploy.ts";
import { usage } from "./failure.ts";
import { ask, canAsk } from "./prompt.ts";
import { readSettings, type SettingFlags, type Settings } from "./settings.ts";
import { out, plural, print } from "./terminal.ts";
import { needEntries } from "./workspace.ts";

export interface DestroyFlags extends SettingFlags {
  readonly yes?: boolean;
  readonly data?: boolean;
  readonly debug?: boolean;
}

export async function destroy(flags: DestroyFlags): Promise<void> {
  const settings = await readSettings(flags);
  const stack = stackName(settings, projectOf(settings.file));
  await refuseAttached(stack, settings);
  if (flags.data) return destroyWithData(stack, settings, flags);
  await confirm(stack, flags, `the stack ${stack}: its schedules start nothing any more, and open runs stop`);
  await destroyStack(stack, settings, flags);
  print(
    `${out("✓", "green")} Deleted the stack ${stack}. Its tables, its bucket and its logs are kept: nothing that ran is forgotten. With --data they go too.`,
  );
}

/** @throws WH2058 when somebody has one of the stack's policies: its deletion would end half way. */
export async function refuseAttached(stack: string, { region, profile }: Pick<Settings, "region" | "profile">): Promise<void> {
  const { attachments } = await import("../adapters/aws/attached.ts");
  const found = await attachments({ stack, region, profile });
  if (found.length === 0) return;
  const commands = found.map(({ kind, name, policyArn }) => `aws iam detach-${kind}-policy --${kind}-name ${name} --policy-arn ${policyArn}`);
  throw new WindhoverError("WH2058", {
    message: `The stack ${stack} cannot be deleted while somebody has its policies. Nothing was deleted.`,
    expected: "policies that are attached to nobody",
    got: found.map(({ kind, name, policyArn }) => `the ${kind} ${name} has ${policyArn.split("/").at(-1)}`).join(", "),
    action: `Detach them, and destroy again: ${commands.join(" && ")}`,
  });
}

async function destroyStack(stack: string, settings: Settings, { debug }: DestroyFlags): Promise<void> {
  const entries = needEntries(settings, "windhover destroy", `windhover destroy -e FILE${settings.suffix}`);
  const project = projectOf(settings.file);
  await runCdk({
    cdk: await findCdk(project),
    args: ["destroy", stack, ...common(settings), "--force"],
    folder: join(project, ".windhover", "deploy"),
    env: environment(stack, entries, settings),
    asks: false,
    debug,
    doing: `deleting the stack ${stack}`,
  });
}

async function destroyWithData(stack: string, settings: Settings, flags: DestroyFlags): Promise<void> {
  const { region, profile } = settings;
  const [{ createClients }, { deleteKeptData, findKeptData }] = await Promise.all([
    import("../adapters/aws/clients.ts"),
    import("../adapters/aws/kept-data.ts"),
  ]);
  const { deployed, absent } = await lookFor(stack, settings);
  const clients = createClients({ ...(region !== undefined && { region }), ...(profile !== undefined && { profile }) });
  try {
    const data = await findKeptData(clients, stack, deployed);
    const kept = summaryOf(data);
    if (kept === "" && absent) throw nothingLeft(stack, absent);
    const all = [...(deployed ? [`the stack ${stack}`] : []), ...(kept === "" ? [] : [`what ran there: ${kept}`])].join(" and ");
    await confirm(stack, flags, `${all}. Nothing brings it back`);
    if (deployed) await destroyStack(stack, settings, flags);
    await deleteKeptData(clients, data);
    print(`${out("✓", "green")} Deleted ${all}.`);
  } finally {
    clients.close();
  }
}

/** The stack's description, or the error that says that there is none. */
async function lookFor(stack: string, { region, profile }: Settings): Promise<{ readonly deployed?: StackResources; readonly absent?: WindhoverError }> {
  const { describeStack } = await import("../adapters/aws/describe.ts");
  try {
    return { deployed: await describeStack({ stack, region, profile }) };
  } catch (error) {
    if (error instanceof WindhoverError && error.code === "WH2053") return { absent: error };
    throw error;
  }
}

function nothingLeft(stack: string, { expected, got }: WindhoverError): WindhoverError {
  return new WindhoverError("WH2053", { message: `There is no stack "${stack}", and none of that name has left anything that says so.`, expected, got });
}

const KINDS = { tables: "table", buckets: "bucket", logGroups: "log group", secrets: "secret" } as const satisfies Record<keyof KeptData, string>;
const ORDER = ["tables", "buckets", "logGroups", "secrets"] as const;

function summaryOf(data: KeptData): string {
  const parts = ORDER.filter((kind) => data[kind].length > 0).map((kind) => `${plural(data[kind].length, KINDS[kind])} (${data[kind].join(", ")})`);
  return parts.join(", ");
}

async function confirm(stack: string, { yes = false }: DestroyFlags, what: string): Promise<void> {
  if (yes) return;
  if (!canAsk()) throw usage(`Nobody can be asked whether the stack ${stack} is to be deleted.`, { expected: "--yes", got: "no terminal" });
  const typed = await ask(`This deletes ${what}. Type the stack's name to go on: `);
  if (typed.trim() !== stack) throw usage("The stack is left as it is.", { expected: stack, got: typed.trim() || "nothing" });
}
