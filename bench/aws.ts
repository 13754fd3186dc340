/**
 * A stack on MiniStack: `npm run bench -- aws [part of a name …]`, or `aws examples`. Milliseconds of a chain and of fan-outs, beside the same as a Step Functions state machine and as a durable function there;
 * `examples`: how long `cdk deploy` takes for the stack of the examples, and how large its functions are and how long they take to load. Medians, as JSON lines.
 *
 * The yardstick is a conditional put of the emulator's: an inline step of ours is one, and cannot take less.
 * An emulator is no AWS: it shows what each engine makes of the same emulator. Ours is timed by its own log, from the sending of the start to the entry that ends the run; the peers
 * from the request that starts them to its answer, or to the look that finds them ended.
 */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { PutItemCommand } from "@aws-sdk/client-dynamodb";
import { type AwsClients, createClients } from "../adapters/aws/clients.ts";
import { openResources } from "../adapters/aws/open.ts";
import { BUILD_VARIABLE, STACK_VARIABLE, type StackResources } from "../adapters/aws/stack.ts";
import { runActor } from "../engine/messages.ts";
import type { RunState } from "../engine/run-state.ts";
import { bundleProgram } from "../infra/bundle.ts";
import { setup, teardown } from "../test/aws/test-run.ts";
import { addPeers, CHAIN, durableCode, machineName, makeDurable, runDurable, runStateMachine } from "./aws-peers.ts";

const NAME = "WindhoverBench";
const repetitions = Number(process.env["REPS"] ?? 5);
const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;

setup();
const { environmentOf, ministack } = await import("../test/aws/ministack.ts");
const { deploy } = await import("../test/aws/cdk.ts");
try {
  const server = await ministack();
  Object.assign(process.env, environmentOf(server));
  if (process.argv.includes("examples")) await examples();
  else await shapes();
} finally {
  await teardown();
}

async function shapes(): Promise<void> {
  const durable = await durableCode();
  if (durable instanceof Error) console.error(durable.message);
  const server = await ministack();
  const { resources, ms } = await deploy(
    server,
    NAME,
    { entry: resolve("bench/aws-flows.ts"), pools: { workers: { timeoutSeconds: 60 } }, environment: { WINDHOVER_LOG: "debug" } },
    (stack) => addPeers(stack, durable),
  );
  print({ what: "cdk deploy of the bench's stack", seconds: ms / 1000 });
  const clients = createClients({ endpoint: server.endpoint, region: resources.region });
  const opened = openResources(resources, clients);

  const ours = async (flow: string, n: number): Promise<number> => {
    const { id } = await opened.client.run(flow, { n });
    for (;;) {
      const tail = await opened.ports.log.tail(runActor(id));
      const state = tail?.state as RunState | undefined;
      if (tail && state?.row.type === "COMPLETED") return tail.at - state.createdAt;
      if (state && ["FAILED", "CRASHED", "CANCELLED"].includes(state.row.type)) throw new Error(`a run ended with ${JSON.stringify(state.row)}`);
      await new Promise((done) => setTimeout(done, 10));
    }
  };
  const timed = async (work: () => Promise<void>): Promise<number> => {
    const from = performance.now();
    await work();
    return performance.now() - from;
  };
  const machine = (part: string, input: object) => timed(() => runStateMachine(server.endpoint, resources, machineName(NAME, part), input));
  const function_ = (input: object) => timed(() => runDurable(clients.lambda, NAME, input));
  const items = (n: number): object => ({ items: Array.from({ length: n }, (_, value) => ({ value })) });

  const rows: Row[] = [
    { peer: "windhover", what: `chain of ${CHAIN}, inline`, n: CHAIN, once: () => ours("chain", CHAIN) },
    { peer: "windhover", what: `chain of ${CHAIN}, by a pool's queue`, n: CHAIN, once: () => ours("chain-by-queue", CHAIN) },
    { peer: "step functions", what: `chain of ${CHAIN}`, n: CHAIN, once: () => machine("chain", { value: 0 }) },
    ...[100, 1000].flatMap((n) => [
      { peer: "windhover", what: `fan-out of ${n}`, n, once: () => ours("fan-out", n) },
      { peer: "step functions", what: `map of ${n}`, n, once: () => machine("fan-out", items(n)) },
    ]),
  ];
  if (!(durable instanceof Error)) {
    await makeDurable(server.endpoint, resources, NAME);
    rows.push({ peer: "durable functions", what: `chain of ${CHAIN}`, n: CHAIN, once: () => function_({ n: CHAIN }) });
    for (const n of [100, 1000]) rows.push({ peer: "durable functions", what: `map of ${n}`, n, once: () => function_({ n, fanOut: true }) });
  }
  rows.push({
    peer: "emulator",
    what: `${CHAIN} conditional puts, one after the other, the yardstick of the chain`,
    n: CHAIN,
    once: () => timed(() => puts(clients, resources)),
  });
  const wanted = process.argv.slice(2);
  await measure(rows.filter(({ what }) => wanted.length === 0 || wanted.some((part) => what.includes(part))));
  await opened.close();
}

async function puts({ dynamodb }: AwsClients, { stateTable: TableName }: StackResources): Promise<void> {
  const pk = { S: `bench/${performance.now()}` };
  for (let i = 0; i < CHAIN; i++) {
    const Item = { pk, sk: { S: String(i) }, z: { B: new Uint8Array(300) } };
    await dynamodb.send(new PutItemCommand({ TableName, Item, ConditionExpression: "attribute_not_exists(pk)" }));
  }
}

interface Row {
  readonly peer: string;
  readonly what: string;
  readonly n: number;
  readonly once: () => Promise<number>;
}

/** In turn, so that what else the machine does meets all alike. The first round warms up. */
async function measure(rows: readonly Row[]): Promise<void> {
  const times = new Map(rows.map((row): [Row, number[]] => [row, []]));
  const failed = new Map<Row, string>();
  for (let round = 0; round <= repetitions; round++)
    for (const row of rows) {
      if (failed.has(row)) continue;
      try {
        const ms = await row.once();
        if (round > 0) times.get(row)?.push(ms);
      } catch (error) {
        failed.set(row, (error as Error).message);
      }
    }
  for (const [row, all] of times) {
    const { peer, what, n } = row;
    const why = failed.get(row);
    const ms = median(all);
    print({ peer, what, ...(why === undefined ? { ms, ms_each: ms / n, least_ms: Math.min(...all), most_ms: Math.max(...all) } : { failed: why }) });
  }
}

async function examples(): Promise<void> {
  const server = await ministack();
  const entry = resolve("examples/index.ts");
  const { resources, ms } = await deploy(server, "WindhoverExamples", { entry });
  print({ what: "cdk deploy of the examples", seconds: ms / 1000, goal_seconds: 40 });
  for (const program of ["orchestrator", "executor", "api"] as const) {
    const { file, bytes, laterBytes } = bundleProgram(program, { entries: [entry] });
    const env = { ...process.env, [STACK_VARIABLE]: JSON.stringify(resources), [BUILD_VARIABLE]: "0" };
    const loads = Array.from({ length: 2 * repetitions + 1 }, () => load(file, env));
    const goals = program === "orchestrator" ? { goal_kilobytes: 700, goal_import_ms: 100 } : {};
    const figures = { kilobytes: bytes / 1000, kilobytes_later: laterBytes / 1000, files: readdirSync(dirname(file)).length };
    print({
      what: `${program} with the examples`,
      ...figures,
      import_ms: median(loads.map(({ ms }) => ms)),
      cpu_ms: median(loads.map(({ cpu }) => cpu)),
      ...goals,
    });
  }
}

/** Milliseconds of a process that imports the file: by the clock, and of a processor, which a busy machine does not lengthen. */
function load(file: string, env: NodeJS.ProcessEnv): { readonly ms: number; readonly cpu: number } {
  const code = `const cpu = process.cpuUsage(); const from = performance.now(); await import(${JSON.stringify(file)}); const ms = performance.now() - from;
    const { user, system } = process.cpuUsage(cpu); process.stdout.write(JSON.stringify({ ms, cpu: (user + system) / 1000 }));`;
  const { stdout, stderr, status } = spawnSync(process.execPath, ["--input-type=module", "--no-warnings", "-e", code], { encoding: "utf8", env });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as { readonly ms: number; readonly cpu: number };
}

function print(line: object): void {
  const rounded = Object.entries(line).map(([key, value]) => [key, typeof value === "number" ? Number(value.toPrecision(4)) : value]);
  console.log(JSON.stringify({ bench: "aws", node: process.version, ...Object.fromEntries(rounded) }));
}
