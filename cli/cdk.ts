/** The CDK's command line of the user's project: where it is, and what its frequent failures mean. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { ERRORS, type ErrorCode, WindhoverError } from "../engine/errors.ts";
import { ROOT } from "./installation.ts";
import { cut } from "./table.ts";
import { err, tell } from "./terminal.ts";

const PACKAGES = ["aws-cdk", "aws-cdk-lib", "constructs"] as const;

/**
 * The program `cdk` that the project, or the folder that this package is installed in, has.
 * @throws WH2056 when it, or one of the packages that the stack is made of, is missing.
 */
export async function findCdk(project: string): Promise<string> {
  const find = (name: string): string | undefined => {
    for (const from of [project, ROOT]) {
      try {
        return createRequire(join(from, "package.json")).resolve(name);
      } catch {
        // The other place may have it.
      }
    }
    return undefined;
  };
  const cdk = find("aws-cdk/bin/cdk");
  // The construct lies in this package, so that is where they have to be found from.
  const missing = [...(cdk === undefined ? ["aws-cdk"] : []), ...PACKAGES.slice(1).filter((name) => !isFoundFromHere(name))];
  if (missing.length === 0) return cdk as string;
  const { devDependencies = {} } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")) as {
    readonly devDependencies?: Readonly<Record<string, string>>;
  };
  const wanted = missing.map((name) => (devDependencies[name] === undefined ? name : `${name}@${devDependencies[name]}`));
  throw new WindhoverError("WH2056", {
    message: `${missing.join(", ")} ${missing.length === 1 ? "is" : "are"} not installed in ${project}.`,
    expected: PACKAGES.join(", "),
    got: missing.length === PACKAGES.length ? "none of them" : PACKAGES.filter((name) => !missing.includes(name)).join(", "),
    action: `Install what is missing, in the project: npm i -D ${wanted.join(" ")}`,
  });
}

function isFoundFromHere(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(`${name}/package.json`);
    return true;
  } catch {
    return false;
  }
}

/** The app that the CDK runs: what it deploys stands in the environment. */
const APP = [join(ROOT, "dist", "infra", "app.js"), join(ROOT, "infra", "app.js")].find((file) => existsSync(file)) ?? join(ROOT, "infra", "app.ts");
const quoted = (text: string): string => `"${text}"`;

export interface CdkCall {
  readonly cdk: string;
  readonly args: readonly string[];
  /** Where it keeps what it writes. Made if it is not there. */
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  /** It may ask: its output goes to the terminal as it is. */
  readonly asks: boolean;
  readonly debug?: boolean | undefined;
  /** In words, for errors. */
  readonly doing: string;
}

/** Runs it to its end and streams what it says to the standard error. @throws what {@link meaningOf} makes of a failure */
export async function runCdk({ cdk, args, folder, env, asks, doing, debug }: CdkCall): Promise<void> {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "cdk.json"), JSON.stringify({ app: `${quoted(process.execPath)} ${quoted(APP)}`, output: "cdk.out" }));
  const child = spawn(process.execPath, [cdk, ...args], {
    cwd: folder,
    env: { ...process.env, ...env, CDK_DISABLE_VERSION_CHECK: "1", ...(process.stderr.isTTY && !process.env["NO_COLOR"] && { FORCE_COLOR: "1" }) },
    stdio: asks ? "inherit" : ["ignore", "pipe", "pipe"],
  });
  const said = new Said(debug === true);
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding("utf8").on("data", (text: string) => said.hear(text));
  // Ctrl-C reaches the CDK as well: it ends as it sees fit, and we with it.
  const ignore = (): void => {};
  process.on("SIGINT", ignore);
  const code = await new Promise<number | null>((resolve, reject) => child.on("close", resolve).on("error", reject)).finally(() =>
    process.off("SIGINT", ignore),
  );
  said.end();
  if (code !== 0) throw meaningOf(said.text, doing);
}

/** What is remembered of the output, to find the cause of a failure in. Unit: characters. */
const REMEMBERED = 100_000;

/** Prints line by line; an error of our own is held back, because it is told once, as all our errors are. */
class Said {
  text = "";
  #rest = "";
  #ours = false;
  /** With --debug nothing is left out. */
  readonly #all: boolean;
  constructor(all: boolean) {
    this.#all = all;
  }
  hear(text: string): void {
    this.text = (this.text + text).slice(-REMEMBERED);
    const lines = (this.#rest + text).split(/\r?\n/);
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#line(line);
  }
  end(): void {
    if (this.#rest !== "") this.#line(this.#rest);
    if (process.stderr.isTTY) process.stderr.write("\r\u001b[2K");
  }
  #line(line: string): void {
    if (OURS.test(line)) this.#ours = true;
    const silent = this.#ours || (NOISE.test(line) && !this.#all);
    if (/^ {2}docs\/errors\//.test(line)) this.#ours = false;
    if (silent) return;
    const event = this.#all ? null : EVENT.exec(line);
    if (!event) return this.#tell(line);
    const [, count = "", status = "", type = "", what = ""] = event;
    // An update counts what it has looked at as well.
    const [done = 0, all = 0] = count.split("/").map(Number);
    const step = `${done <= all ? `${count.padStart(7)}  ` : ""}${WORDS[status.split("_")[0] ?? ""] ?? status}  ${what.replace(/ \(\w+\).*$/, "")}  ${err(type.replace(/^AWS::/, ""), "dim")}`;
    if (/FAILED|ROLLBACK/.test(status)) this.#tell(line, "red");
    else if (!status.endsWith("_COMPLETE")) return;
    else if (process.stderr.isTTY) process.stderr.write(`\r\u001b[2K  ${cut(step, Math.max(20, (process.stderr.columns || 80) - 3))}`);
    else tell(`  ${step}`);
  }
  #tell(line: string, colour: "dim" | "red" = "dim"): void {
    if (process.stderr.isTTY) process.stderr.write("\r\u001b[2K");
    tell(`  ${err(line, colour)}`);
  }
}
const OURS = /^(?:Error: )?(WH\d{4}): (.*)$/m;
/** Lines that say nothing to whom only the outcome matters: all outcomes are told at the end. */
const NOISE =
  /^\s*$|Subprocess exited with error|cdk acknowledge|^NOTICES|✨ {2}\w+ time|^Outputs:|^[\w-]+\.\w+ = |^Stack ARN:|^arn:aws|: (?:start|success): |: (?:creating|deploying\.\.\.)|✅|CloudFormation (?:changeset|event)|feature flags are not configured/;
/** `Flows | 17/40 | 9:23:20 PM | CREATE_COMPLETE | AWS::DynamoDB::Table | Flows/State (FlowsState08BD78C1)` */
const EVENT = /^[\w-]+ +\| *(\d+(?:\/\d+)?) *\| [^|]+ \| (\w+) +\| ([\w:]+) +\| (.*?) *$/;
const WORDS: Readonly<Record<string, string>> = { CREATE: "made   ", UPDATE: "changed", DELETE: "deleted" };

/** A failure of the CDK as one of ours: what our own construct refused, what is missing around it, or what CloudFormation said. */
export function meaningOf(output: string, doing: string): WindhoverError {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are taken out.
  const text = output.replace(/\u001b\[[0-9;]*m/g, "");
  const ours = OURS.exec(text);
  if (ours?.[1] !== undefined && ours[1] in ERRORS) {
    const field = (label: string): string | undefined => new RegExp(`^ {2}${label}: +(.*)$`, "m").exec(text.slice(ours.index))?.[1];
    const [expected, got] = [field("expected"), field("got")];
    return new WindhoverError(ours[1] as ErrorCode, { message: ours[2] ?? "", ...(expected !== undefined && { expected }), ...(got !== undefined && { got }) });
  }
  for (const { code, pattern, message, action } of MEANINGS) {
    const match = pattern.exec(text);
    if (!match) continue;
    const line = lineAt(text, match.index);
    return new WindhoverError(code, { message: `While ${doing}: ${message}`, got: line, ...(action && { action: action(text) }) });
  }
  const failed = /^.*(?:CREATE_FAILED|UPDATE_FAILED|DELETE_FAILED).*$/m.exec(text) ?? /^.*(?:❌|Error:).*$/m.exec(text);
  return new WindhoverError("WH2058", {
    message: `${doing.charAt(0).toUpperCase()}${doing.slice(1)} failed.`,
    got: (failed?.[0] ?? "what is said above").trim().slice(0, 500),
  });
}

const place = (text: string): string => /aws:\/\/[\w-]+\/[\w-]+/.exec(text)?.[0] ?? "aws://ACCOUNT/REGION";
interface Meaning {
  readonly code: ErrorCode;
  readonly pattern: RegExp;
  readonly message: string;
  readonly action?: (text: string) => string;
}
const MEANINGS: readonly Meaning[] = [
  {
    code: "WH2058",
    pattern: /Unable to assume the service linked role|ECS service linked role/i,
    message: "the account has no role of ECS's own yet, as before its first cluster. AWS makes it at this moment, and it takes a while to be seen.",
    action: () => "Deploy again. If that says the same, make the role: aws iam create-service-linked-role --aws-service-name ecs.amazonaws.com",
  },
  {
    code: "WH2058",
    pattern: /Cannot delete a policy attached to entities/i,
    message: "somebody still has a policy of the stack (viewer, operator or admin), and IAM deletes none that is attached.",
    action: () =>
      "See who has it (aws iam list-entities-for-policy --policy-arn ARN), detach it (aws iam detach-role-policy --role-name NAME --policy-arn ARN, or detach-user-policy, detach-group-policy), and delete the stack again.",
  },
  {
    code: "WH4031",
    pattern: /schema version mismatch|is not compatible with the CDK library/i,
    message: "the command `cdk` cannot read what the library aws-cdk-lib writes.",
  },
  {
    code: "WH2057",
    pattern:
      /has (?:it|the environment) been bootstrapped|is not bootstrapped|has not been bootstrapped|bootstrap stack version|cdk-bootstrap\/\w+\/version|toolkit stack must be deployed/i,
    message: "the account and region are not prepared for the CDK.",
    action: (text) => `Prepare them once, with the rights of an administrator: npx cdk bootstrap ${place(text)}`,
  },
  {
    code: "WH3102",
    pattern:
      /Unable to resolve AWS account|no credentials have been configured|Could not load credentials|Need to perform AWS calls for account|security token included in the request is (?:invalid|expired)|ExpiredToken|InvalidClientTokenId|Could not resolve the credentials|SSO session .* (?:expired|invalid)/i,
    message: "AWS does not know who asks.",
  },
  { code: "WH3103", pattern: /is not authorized to perform|AccessDenied/, message: "AWS denies it." },
  { code: "WH2059", pattern: /Region is missing|Unable to determine .*region/i, message: "nothing says in which region." },
  { code: "WH3106", pattern: /ENOTFOUND|ECONNREFUSED|EAI_AGAIN|getaddrinfo/, message: "AWS cannot be reached." },
];

function lineAt(text: string, index: number): string {
  const from = text.lastIndexOf("\n", index) + 1;
  const to = text.indexOf("\n", index);
  return text
    .slice(from, to < 0 ? undefined : to)
    .trim()
    .slice(0, 500);
}

/** Where the project lies: beside its settings, or here. */
export const projectOf = (file: string | undefined): string => (file === undefined ? process.cwd() : dirname(file));
