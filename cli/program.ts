/** Every command, its options and its help. What a command does is loaded when it is called, so that the rest starts quickly. */

import { Command, type CommanderError, Option } from "commander";
import { VERSION } from "./installation.ts";

const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

/** Options that concern the project are understood by every command, before or after its name. */
type Flags = Record<string, never>;
type Action = (...args: never[]) => Promise<void> | void;

/** The command's arguments, then its options together with those of the program. */
function does(command: Command, load: () => Promise<Action>): Command {
  return command.action(async (...given: unknown[]) => {
    const self = given.at(-1) as Command;
    const args = given.slice(0, -2);
    const action = (await load()) as (...args: unknown[]) => Promise<void>;
    try {
      await action(...args, self.optsWithGlobals<Flags>());
    } catch (error) {
      throw await withHelp(error, self);
    }
  });
}

/** What cannot be read, and says no better what to do, is explained by the help of this very command. */
async function withHelp(error: unknown, command: Command): Promise<unknown> {
  const { ERRORS, WindhoverError } = await import("../engine/errors.ts");
  if (!(error instanceof WindhoverError) || error.code !== "WH2007" || error.action !== ERRORS.WH2007.action) return error;
  const { message, expected, got } = error;
  return new WindhoverError("WH2007", {
    message: message.replace("WH2007: ", ""),
    ...(expected !== undefined && { expected }),
    ...(got !== undefined && { got }),
    action: `See ${helpOf(command)}`,
  });
}
const helpOf = (command: Command): string => `${[...ancestors(command)].join(" ")} --help`;

/** Commands that look at runs and send messages do so in a directory or in a deployed stack. */
function placed(command: Command): Command {
  return command
    .option("--stack <name>", "a deployed stack instead of the directory (WINDHOVER_STACK_NAME)")
    .option("--stage <name>", "a stage of windhover.config.ts: its stack, region and profile, or its directory (WINDHOVER_STAGE)")
    .option("--region <region>", "where the stack lies (default: the stage's, AWS_REGION, the profile's)")
    .option("--profile <name>", "a profile of your AWS configuration");
}

const example = (...lines: readonly string[]): string => `\nExamples:\n${lines.map((line) => `  $ ${line}`).join("\n")}`;
const RUN = "a run's id, the beginning of one, its name, or `last`";

export function program(): Command {
  const windhover = new Command("windhover")
    .description("Runs flows: functions that wait, crash and go on.")
    .version(VERSION, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .option("-d, --directory <folder>", "where the embedded database lies (default: .windhover)")
    .option("-c, --config <file>", "settings (default: the nearest windhover.config.ts)")
    .option("-e, --entry <file>", "a file that exports flows; repeat for several", collect)
    .option("--debug", "show everything, with whole stacks")
    .configureHelp({ showGlobalOptions: true, helpWidth: Math.min(process.stdout.columns || 100, 120) })
    .showSuggestionAfterError(true)
    .addHelpText(
      "after",
      example(
        "windhover dev                          serve the project: schedules, API and pages of the runs, reload on save",
        "windhover run flows.ts:digest --param language=en",
        "windhover runs ls --state failed",
        "windhover runs inspect last",
      ),
    );
  runCommands(windhover);
  runsCommands(windhover.command("runs").description("look at runs, and tell them what to do"));
  deploymentCommands(windhover.command("deployments").description("flows that run by themselves"));
  settingCommands(windhover);
  projectCommands(windhover);
  inherit(windhover);
  return windhover;
}

/** Mistakes in the command line are told like any other error. */
function inherit(command: Command): void {
  command.exitOverride((error: CommanderError) => {
    throw error;
  });
  command.configureOutput({
    outputError: (text, write) => {
      const message = text.replace(/^error: /, "").trim();
      const [first = "", hint] = message.split("\n");
      const told = `${first.charAt(0).toUpperCase()}${first.slice(1)}${hint ? ` ${hint}` : ""}`;
      write(`WH2007 ${told}\n  do        ${asParameter(command, first, hint)}See ${helpOf(command)}\n`);
    },
  });
  for (const child of command.commands) {
    child.copyInheritedSettings(command).helpOption("-h, --help", "print this help");
    inherit(child);
  }
}
/** `--station=north` is likely meant for the flow; `--parm` is likely an option. */
function asParameter(command: Command, message: string, hint: string | undefined): string {
  const [, name, value] = /unknown option '--([\w-]+)(?:=(.*))?'/.exec(message) ?? [];
  if (name === undefined || (value === undefined && hint !== undefined)) return "";
  return command.options.some(({ long }) => long === "--param") ? `For a parameter of the flow: -p ${name}=${value ?? "VALUE"}. ` : "";
}
function* ancestors(command: Command): Iterable<string> {
  if (command.parent) yield* ancestors(command.parent);
  yield command.name();
}

function runCommands(windhover: Command): void {
  const run = windhover
    .command("run")
    .argument("<target>", "FILE, FILE:EXPORT, or the name of a flow or deployment")
    .description("run a flow here and print its result");
  placed(parameterOptions(run))
    .option("-n, --name <name>", "the run's name (default: a made-up one)")
    .option("-t, --tag <tag>", "a tag of the run; repeat for several", collect)
    .option("--idempotency-key <key>", "the same key for the same flow is the same run")
    .option("--json", "print one JSON object: { id, name, flow, state, result | error }")
    .option("-q, --quiet", "print the result and nothing else")
    .option("-w, --wait", "on a stack: follow the run to its end and print its result (a run here always is)")
    .addHelpText(
      "after",
      `\nEnds with 0 when the run completed, 1 when it failed, was cancelled or crashed, 2 when it could not be started.\n${example("windhover run flows.ts", "windhover run flows.ts:digest -p urls=https://a.example -p urls=https://b.example", "windhover run digest --params @parameters.json --json", "windhover run nightly                  the deployment, with its parameters and limits", "windhover run digest --stack Flows --wait   in AWS")}`,
    );
  does(run, async () => (await import("./run.ts")).run);
  does(
    windhover
      .command("simulate")
      .argument("<target>", "FILE:EXPORT, or the name of a flow")
      .description("run a flow in a simulated world of crashes, duplicates and delays"),
    async () => (await import("./simulate.ts")).simulate,
  )
    .option("--seeds <n>", "how many worlds", "100")
    .option("--first-seed <n>", "the first of them: to see a failing one again", "1")
    .option("-p, --param <name=value>", "a parameter of the flow", collect)
    .option("-P, --params <json>", "all parameters, as JSON or @FILE")
    .option("--json", "print the outcome as JSON")
    .addHelpText("after", example("windhover simulate digest --seeds 1000", "windhover simulate digest --first-seed 417 --seeds 1"));
}

const parameterOptions = (command: Command): Command =>
  command
    .option("-p, --param <name=value>", "a parameter; repeat it for others, and for the items of a list", collect)
    .option("-P, --params <json>", "all parameters, as JSON or @FILE (@- is the standard input)");

function runsCommands(runs: Command): void {
  does(placed(runs.command("ls")).alias("list").description("list runs, newest first"), async () => (await import("./runs-ls.ts")).listRuns)
    .option("-f, --flow <name>", "of this flow only")
    .option("--deployment <name>", "of this deployment only")
    .option("-s, --state <state>", "in this state only: completed, failed, running …; repeat for several", collect)
    .option("-t, --tag <tag>", "with this tag only")
    .option("-n, --limit <n>", "how many", "20")
    .option("--json", "print JSON")
    .addHelpText("after", example("windhover runs ls --state failed --state crashed", "windhover runs ls --flow digest --limit 5"));
  does(
    placed(runs.command("inspect")).argument("<run>", RUN).description("show a run: its calls, what they wait for, its result"),
    async () => (await import("./runs-inspect.ts")).inspectRun,
  ).option("--json", "print all of it as JSON, with its history");
  does(
    placed(runs.command("logs")).argument("<run>", RUN).description("print what happened, and what the code logged"),
    async () => (await import("./runs-logs.ts")).printLogs,
  )
    .option("-F, --follow", "go on until the run has ended")
    .option("--json", "print the code's own lines as JSON, one a line");
  does(
    placed(runs.command("export"))
      .argument("<run>", RUN)
      .description("print a run's history, with all that it refers to: for `windhover replay`, for a report"),
    async () => (await import("./runs-export.ts")).exportHistory,
  ).addHelpText("after", example("windhover runs export nimble-heron > run.json"));
  for (const [verb, text] of [
    ["cancel", "stop it: its code cleans up first"],
    ["pause", "start nothing new in it"],
    ["resume", "let it go on"],
    ["migrate", "let an open run of a stack go on with the newest build of its code, if that matches its log"],
  ] as const)
    does(placed(runs.command(verb)).argument("<run>", RUN).description(text), async () => (await import("./runs-tell.ts"))[verb]).option(
      "--json",
      "print JSON",
    );
  does(
    placed(runs.command("input"))
      .argument("<run>", RUN)
      .argument("<name>", "the input's name")
      .argument("<json>", "its value as JSON, or @FILE")
      .description("send what a run waits for"),
    async () => (await import("./runs-tell.ts")).input,
  )
    .option("--json", "print JSON")
    .addHelpText("after", example(`windhover runs input nimble-heron approval '{ "approved": true }'`));
  does(
    again(placed(runs.command("retry")).argument("<run>", RUN).description("run it again as a new run that takes over what completed")),
    async () => (await import("./runs-again.ts")).retry,
  );
  does(
    again(
      placed(runs.command("redrive"))
        .argument("<run>", RUN)
        .description("run a crashed run again whose message could not be handled, with what was kept of it"),
    ),
    async () => (await import("./runs-again.ts")).redrive,
  );
  does(
    parameterOptions(again(placed(runs.command("rerun")).argument("<run>", RUN).description("run it again from the start, or from one of its calls"))),
    async () => (await import("./runs-again.ts")).rerun,
  )
    .option("--from <call>", "take over all that was called before this call")
    .option("--result <json>", "with --from: this result for that call, instead of running it")
    .addHelpText(
      "after",
      example(
        "windhover runs rerun last",
        "windhover runs rerun nimble-heron --from load-0 --wait",
        "windhover runs rerun nimble-heron --params @parameters.json",
      ),
    );
}
const again = (command: Command): Command =>
  command
    .option("-w, --wait", "run it here and wait for its end; on a stack: wait for its end there")
    .option("-q, --quiet", "print the result and nothing else")
    .option("--json", "print JSON");

function deploymentCommands(deployments: Command): void {
  does(placed(deployments.command("ls")).alias("list").description("list deployments"), async () => (await import("./deployments.ts")).listDeployments).option(
    "--json",
    "print JSON",
  );
  does(
    placed(deployments.command("inspect")).argument("<name>").description("show a deployment: its schedules, next times, limits and runs"),
    async () => (await import("./deployments.ts")).inspectDeployment,
  ).option("--json", "print JSON");
  does(
    parameterOptions(placed(deployments.command("run")).argument("<name>").description("start a run of it")),
    async () => (await import("./deployments.ts")).runDeployment,
  )
    .option("-n, --name <name>", "the run's name")
    .option("-t, --tag <tag>", "a tag of the run; repeat for several", collect)
    .option("--idempotency-key <key>", "the same key is the same run")
    .option("-w, --wait", "run it here and wait for its end; on a stack: wait for its end there")
    .option("-q, --quiet", "print the result and nothing else")
    .option("--json", "print JSON");
  for (const verb of ["pause", "resume"] as const)
    does(
      placed(deployments.command(verb))
        .argument("<name>")
        .description(verb === "pause" ? "let its schedules start nothing" : "let its schedules start runs again"),
      async () => (await import("./deployments.ts"))[`${verb}Deployment`],
    );
}

function settingCommands(windhover: Command): void {
  const limits = windhover.command("limits").description("how much runs at once, or how often");
  does(
    placed(limits.command("ls")).alias("list").description("list limits, who holds them and who waits"),
    async () => (await import("./limits.ts")).listLimits,
  ).option("--json", "print JSON");
  does(
    placed(limits.command("set"))
      .argument("<name>", "a limit's name, or a tag")
      .argument("<n>", "so many at once, or so many a period")
      .description("make or change a limit"),
    async () => (await import("./limits.ts")).setLimit,
  )
    .option("--per <duration>", 'a rate: so many in this time, such as "1 minute"')
    .addHelpText("after", example("windhover limits set database 5", 'windhover limits set openai 60 --per "1 minute"'));
  does(placed(limits.command("rm")).argument("<name>").description("take a limit away"), async () => (await import("./limits.ts")).removeLimit);
  blockCommands(windhover.command("block").description("settings with secrets, which tasks load"));
  const variables = windhover.command("variables").description("settings that flows read while they run");
  does(placed(variables.command("ls")).alias("list").description("list variables"), async () => (await import("./variables.ts")).listVariables).option(
    "--json",
    "print JSON",
  );
  does(placed(variables.command("get")).argument("<name>").description("print one"), async () => (await import("./variables.ts")).getVariable).option(
    "--json",
    "print JSON",
  );
  does(
    placed(variables.command("set")).argument("<name>").argument("<value>", "JSON if it can be read as such, else a string").description("set one"),
    async () => (await import("./variables.ts")).setVariable,
  ).option("--string", "take the value as a string, whatever it looks like");
  does(placed(variables.command("rm")).argument("<name>").description("take one away"), async () => (await import("./variables.ts")).removeVariable);
}

function blockCommands(blocks: Command): void {
  const BLOCK = "TYPE/NAME, such as secret/openai";
  does(placed(blocks.command("set")).argument("<block>", BLOCK).description("set one, or replace it"), async () => (await import("./block.ts")).setBlock)
    .option("--value <field=value>", "a field; repeat it for others (a secret is better typed when it is asked for)", collect)
    .option("--json <json>", "all fields, as JSON or @FILE (@- is the standard input)")
    .addHelpText(
      "after",
      `\nWithout values it asks for them on a terminal, and does not show what is secret; from a pipe it reads JSON.\n${example("windhover block set secret/openai", "windhover block set warehouse/main --value url=postgres://db --value password=…", "windhover block set warehouse/main --stack Flows < warehouse.json")}`,
    );
  does(placed(blocks.command("ls")).alias("list").description("list blocks"), async () => (await import("./block.ts")).listBlocks).option(
    "--json",
    "print JSON",
  );
  does(
    placed(blocks.command("inspect")).argument("<block>", BLOCK).description("show one; what is secret is shown as ***"),
    async () => (await import("./block.ts")).inspectBlock,
  ).option("--json", "print JSON");
  does(placed(blocks.command("rm")).argument("<block>", BLOCK).description("take one away"), async () => (await import("./block.ts")).removeBlock);
}

function projectCommands(windhover: Command): void {
  does(
    windhover.command("flows").description("the project's flows").command("ls").alias("list").description("list flows and their parameters"),
    async () => (await import("./flows.ts")).listFlows,
  ).option("--json", "print JSON");
  does(
    placed(windhover.command("replay"))
      .argument("<run>", `${RUN}; or a file that \`runs export\` wrote`)
      .description("run a flow's code over the log of a run, without doing anything, and say where the two part"),
    async () => (await import("./replay.ts")).replayRun,
  )
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `\nEnds with 0 when the code that is here matches the log, with 1 when it does not.\n${example("windhover replay last", "windhover replay nimble-heron --stack Flows", "windhover replay run.json")}`,
    );
  does(
    placed(windhover.command("artifacts").description("what runs left to look at").command("ls"))
      .alias("list")
      .argument("<run>", RUN)
      .description("list a run's artifacts"),
    async () => (await import("./artifacts.ts")).listArtifacts,
  ).option("--json", "print JSON");
  does(
    windhover
      .command("dev")
      .argument("[folder]", "the project (default: this folder)")
      .description("serve the project: schedules, API and pages of the runs, reload on save"),
    async () => (await import("./dev.ts")).dev,
  ).addOption(new Option("--port <port>", "where to listen (default: 4600)"));
  does(
    placed(windhover.command("deploy")).description("deploy the project's flows to AWS, without a CDK app of one's own"),
    async () => (await import("./deploy.ts")).deploy,
  )
    .option("--check", "first replay the stack's runs on the code that is here, and deploy nothing if open ones would break")
    .option("--dry-run", "only check, and deploy nothing: ends with 0 when it could be deployed, with 1 when open runs would break")
    .option("--require-approval", "ask before it widens anybody's rights")
    .addHelpText(
      "after",
      `\nThe stack is called as --stack or the stage says, or else as the project is in package.json. It needs aws-cdk, aws-cdk-lib and constructs in the project.\n${example("windhover deploy", "windhover deploy --stage prod --check", "windhover deploy --stage prod --dry-run", "windhover deploy --stack Flows --region eu-west-1 --profile work")}`,
    );
  does(placed(windhover.command("destroy")).description("delete the stack; what its runs left is kept"), async () => (await import("./destroy.ts")).destroy)
    .option("--data", "also delete what its runs left: tables, bucket, logs, blocks; also if the stack is gone already")
    .option("-y, --yes", "do not ask");
  does(
    windhover
      .command("quickstart", { hidden: true })
      .description("the example of the README")
      .option("--exit", "end when the run has ended")
      .addOption(new Option("--port <port>", "where to listen")),
    async () => (await import("./quickstart.ts")).quickstart,
  );
  does(
    placed(windhover.command("doctor")).description("check that this machine and project are fit, and the stack, if one is named"),
    async () => (await import("./doctor.ts")).doctor,
  )
    .option("--json", "print JSON")
    .addHelpText("after", example("windhover doctor", "windhover doctor --stage prod"));
  does(
    windhover.command("explain").argument("<code>", "such as WH1202").description("print an error's page"),
    async () => (await import("./explain.ts")).explain,
  );
}
