/** `windhover deploy`: a stack of the project's flows, for those who have no CDK app of their own. */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseStack, STACK_OUTPUT } from "../adapters/aws/stack.ts";
import { WindhoverError } from "../engine/errors.ts";
import { findCdk, projectOf, runCdk } from "./cdk.ts";
import type { Loaded } from "./loader.ts";
import { readSettings, type SettingFlags, type Settings } from "./settings.ts";
import { err, out, plural, print, tell } from "./terminal.ts";
import { needEntries } from "./workspace.ts";

export interface DeployFlags extends SettingFlags {
  readonly check?: boolean;
  readonly dryRun?: boolean;
  readonly requireApproval?: boolean;
  readonly debug?: boolean;
}

export async function deploy(flags: DeployFlags): Promise<void> {
  const settings = await readSettings(flags);
  const entries = needEntries(settings, "windhover deploy", `windhover deploy -e FILE${settings.suffix}`);
  const project = projectOf(settings.file);
  const cdk = await findCdk(project);
  // What does not load is told here, with its line, before anything is asked of AWS.
  const { loadEntries } = await import("./loader.ts");
  const loaded = await loadEntries(entries);
  const stack = stackName(settings, project);
  if (flags.check || flags.dryRun) await checked(stack, settings, loaded);
  if (existsSync(join(project, "cdk.json")))
    tell(err(`This project has a CDK app of its own, which \`npx cdk deploy\` deploys. This is the stack ${stack} beside it.`, "yellow"));
  const folder = join(project, ".windhover", "deploy");
  const outputs = join(folder, "outputs.json");
  if (flags.dryRun) {
    await synthesize({ cdk, stack, settings, entries, folder, debug: flags.debug });
    return print(`${out("✓", "green")} ${out(stack, "bold")} could be deployed. Nothing was.`);
  }
  rmSync(outputs, { force: true });
  tell(
    `${err("Deploying", "bold")} ${plural(loaded.flows.length, "flow")} and ${plural(loaded.deployments.length, "deployment")} as the stack ${err(stack, "bold")}${settings.region ? ` in ${settings.region}` : ""}\n`,
  );
  await runCdk({
    cdk,
    args: [
      "deploy",
      stack,
      "--progress",
      "events",
      ...common(settings),
      "--outputs-file",
      outputs,
      "--require-approval",
      flags.requireApproval ? "broadening" : "never",
    ],
    folder,
    env: environment(stack, entries, settings),
    asks: flags.requireApproval === true,
    debug: flags.debug,
    doing: `deploying the stack ${stack}`,
  });
  report(stack, outputs, settings, loaded);
}

/** What the construct refuses is refused without a deploy as well. */
async function synthesize(parts: {
  readonly cdk: string;
  readonly stack: string;
  readonly settings: Settings;
  readonly entries: readonly string[];
  readonly folder: string;
  readonly debug: boolean | undefined;
}): Promise<void> {
  const { cdk, stack, settings, entries, folder, debug } = parts;
  const args = ["synth", stack, "--quiet", ...common(settings)];
  await runCdk({ cdk, args, folder, env: environment(stack, entries, settings), asks: false, debug, doing: `checking the stack ${stack}` });
}

/** The name that is given, that of the stage, or the project's own. @throws WH2010 when none will do. */
export function stackName({ stack, suffix, file }: Settings, project: string): string {
  // A stage that names a directory only is no place to deploy to.
  const name = stack ?? (/--stage /.test(suffix) ? undefined : nameOfPackage(project));
  if (name !== undefined && /^[A-Za-z][A-Za-z0-9-]{0,44}$/.test(name)) return name;
  throw new WindhoverError("WH2010", {
    message: name === undefined ? "The stack has no name." : `A stack cannot be called "${name}".`,
    expected: "--stack NAME, with 1 to 45 letters, digits and hyphens, the first of them a letter",
    got: name ?? "none",
    action: `Give one with --stack, or put it into ${file ?? "windhover.config.ts"}: stages: { prod: { stack: "Flows" } }, and deploy with --stage prod.`,
  });
}

function nameOfPackage(project: string): string | undefined {
  const file = join(project, "package.json");
  if (!existsSync(file)) return undefined;
  const { name } = JSON.parse(readFileSync(file, "utf8")) as { readonly name?: string };
  const plain = name
    ?.replace(/^@[^/]*\//, "")
    .replace(/[^A-Za-z0-9]+/g, "-")
    .replace(/^[^A-Za-z]+|-+$/g, "");
  return plain === "" ? undefined : plain;
}

export function common({ profile }: Settings): string[] {
  return ["--no-notices", ...(profile === undefined ? [] : ["--profile", profile])];
}

export function environment(stack: string, entry: readonly string[], { region, config }: Settings): NodeJS.ProcessEnv {
  const { pools, retention } = config;
  return {
    WINDHOVER_DEPLOY: JSON.stringify({ stack, entry, ...(pools !== undefined && { pools }), ...(retention !== undefined && { retention }) }),
    ...(region !== undefined && { AWS_REGION: region, AWS_DEFAULT_REGION: region }),
  };
}

async function checked(stack: string, settings: Settings, loaded: Loaded): Promise<void> {
  const [{ checkDeployed }, { warnOfQuota }] = await Promise.all([import("./deploy-check.ts"), import("./quota.ts")]);
  await warnOfQuota(settings);
  await checkDeployed(stack, settings, loaded);
}

/** What the stack is now, and what one does next. */
function report(stack: string, outputs: string, settings: Settings, { flows, deployments }: Loaded): void {
  const written = JSON.parse(readFileSync(outputs, "utf8")) as Readonly<Record<string, Readonly<Record<string, string>>>>;
  const { region, apiUrl } = parseStack(written[stack]?.[STACK_OUTPUT], `The output ${STACK_OUTPUT} of the stack "${stack}"`);
  const suffix = settings.suffix.includes("--stage") || settings.suffix.includes("--stack") ? settings.suffix : ` --stack ${stack}${settings.suffix}`;
  print(`\n${out("✓", "green")} ${out(stack, "bold")} is deployed to ${region}.`);
  if (apiUrl !== undefined) print(`  ${out("API".padEnd(8), "dim")}${apiUrl}`);
  print(`  ${out("run".padEnd(8), "dim")}windhover run ${flows[0]?.name}${suffix} --wait`);
  print(`  ${out("look".padEnd(8), "dim")}windhover runs ls${suffix}`);
  if (deployments.length > 0) print(`  ${out("times".padEnd(8), "dim")}windhover deployments ls${suffix}`);
}
