/** `windhover deploy --check`: would what runs in the stack survive the code that is here? Its runs are replayed on it, and nothing is done. */
import { WindhoverError } from "../engine/errors.ts";
import type { Payload, RunRow, StateType } from "../engine/events.ts";
import { runActor } from "../engine/messages.ts";
import { payloadText } from "../engine/payload.ts";
import type { Ports } from "../engine/ports.ts";
import { isFinal, OPEN } from "../engine/state.ts";
import type { History } from "./history.ts";
import type { Loaded } from "./loader.ts";
import { divergence } from "./replay.ts";
import type { Settings } from "./settings.ts";
import { printTable } from "./table.ts";
import { err, out, plural, print, tell } from "./terminal.ts";

/** Of a flow's runs so many are replayed at most: open ones, and of those that have ended the newest. */
const OPEN_RUNS = 200;
const ENDED_RUNS = 5;

interface Verdict {
  readonly flow: string;
  readonly verdict: "safe" | "pinned" | "breaking";
  readonly open: number;
  readonly ended: number;
  /** Runs that part from their log. */
  readonly differ: readonly { readonly run: RunRow; readonly problem: WindhoverError }[];
}

/** @throws WH2061 when open runs would break. A stack that is not there yet has nothing to check. */
export async function checkDeployed(stack: string, settings: Settings, loaded: Loaded): Promise<void> {
  const { openStack } = await import("../adapters/aws/open.ts");
  const opened = await openStack({ stack, region: settings.region, profile: settings.profile }).catch((error: unknown) => {
    if (error instanceof WindhoverError && error.code === "WH2053") return undefined;
    throw error;
  });
  if (!opened) return tell(err(`There is no stack ${stack} yet: nothing that runs could break.\n`, "dim"));
  try {
    const verdicts = await verdictsOf(opened.ports, loaded);
    show(verdicts);
    refuseBreaking(verdicts);
  } finally {
    await opened.close();
  }
}

/** A verdict for each flow that has runs there. */
export async function verdictsOf(ports: Pick<Ports, "index" | "log" | "results">, { code }: Pick<Loaded, "code">): Promise<readonly Verdict[]> {
  const flows = new Map<string, { open: RunRow[]; ended: RunRow[] }>();
  const runsOf = (flow: string): { open: RunRow[]; ended: RunRow[] } => {
    const known = flows.get(flow) ?? { open: [], ended: [] };
    flows.set(flow, known);
    return known;
  };
  for await (const row of rows(ports.index, OPEN)) if (runsOf(row.flow).open.length < OPEN_RUNS) runsOf(row.flow).open.push(row);
  for (const name of new Set([...flows.keys(), ...code.flows.keys()])) {
    const page = await ports.index.runs({ flow: name, limit: ENDED_RUNS * 4 });
    const ended = page.rows.filter((row) => isFinal(row.state.type)).slice(0, ENDED_RUNS);
    if (ended.length > 0) runsOf(name).ended.push(...ended);
  }
  const verdicts: Verdict[] = [];
  for (const [flow, { open, ended }] of [...flows].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const differ: { run: RunRow; problem: WindhoverError }[] = [];
    for (const run of [...open, ...ended]) {
      const entries = (await ports.log.read(runActor(run.id))) as History["entries"];
      if (!entries.some(({ events }) => events.some(({ type }) => type === "started"))) continue;
      const read = (payload: Payload): Promise<string> => payloadText(payload, ports.results);
      const problem = await divergence(code, flow, entries, read);
      if (problem) differ.push({ run, problem });
    }
    const openOnes = differ.filter(({ run }) => open.includes(run));
    // A run that has a build stays on it: the new code never meets it, unless somebody moves it.
    const verdict = openOnes.length === 0 ? "safe" : openOnes.every(({ run }) => run.build !== undefined) ? "pinned" : "breaking";
    verdicts.push({ flow, verdict, open: open.length, ended: ended.length, differ });
  }
  return verdicts;
}

async function* rows(index: Ports["index"], states: readonly StateType[]): AsyncIterable<RunRow> {
  let cursor: string | undefined;
  do {
    const page = await index.runs({ states, limit: 500, cursor });
    yield* page.rows;
    cursor = page.cursor;
  } while (cursor !== undefined);
}

const MARKS = { safe: "✓", pinned: "‖", breaking: "✗" } as const;
const COLOURS = { safe: "green", pinned: "yellow", breaking: "red" } as const;

function show(verdicts: readonly Verdict[]): void {
  if (verdicts.length === 0) return tell(err("Nothing has run in the stack yet: nothing could break.\n", "dim"));
  printTable(
    [{ title: "  FLOW" }, { title: "VERDICT" }, { title: "OPEN", right: true }, { title: "ENDED", right: true }, { title: "", shrinks: true }],
    verdicts.map(({ flow, verdict, open, ended, differ }) => [
      `${out(MARKS[verdict], COLOURS[verdict])} ${flow}`,
      out(verdict, COLOURS[verdict]),
      String(open),
      String(ended),
      out(noteOf(verdict, differ), "dim"),
    ]),
  );
  print();
}

function noteOf(verdict: Verdict["verdict"], differ: Verdict["differ"]): string {
  const [first] = differ;
  if (!first) return "";
  const runs = `${plural(differ.length, "run")} part${differ.length === 1 ? "s" : ""} from ${differ.length === 1 ? "its" : "their"} log (${first.run.name})`;
  if (verdict === "pinned") return `${runs}, and stay${differ.length === 1 ? "s" : ""} on the build that is deployed`;
  return verdict === "safe" ? `${runs}, and ${differ.length === 1 ? "has" : "have"} ended` : runs;
}

function refuseBreaking(verdicts: readonly Verdict[]): void {
  const breaking = verdicts.filter(({ verdict }) => verdict === "breaking");
  const [first] = breaking;
  if (!first) return;
  const [{ run, problem }] = first.differ as [Verdict["differ"][number]];
  throw new WindhoverError("WH2061", {
    message: `Open runs of ${breaking.map(({ flow }) => `"${flow}"`).join(", ")} would break on the code that is here. Nothing was deployed.`,
    expected: "code that matches the log of each open run",
    got: `${run.name}: ${problem.message}`,
    cause: problem,
  });
}
