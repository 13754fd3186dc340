/** `windhover replay`: runs a flow's code over the log of a run, without doing anything, and says where the two part. */
import { existsSync } from "node:fs";
import type { Code, FlowDefinition } from "../engine/definition.ts";
import { WindhoverError } from "../engine/errors.ts";
import type { Payload } from "../engine/events.ts";
import { runActor } from "../engine/messages.ts";
import type { Flow } from "../sdk/flow.ts";
import { definitionKey } from "../sdk/task.ts";
import { replayHistory } from "../sdk/testing/histories.ts";
import { EXIT, errorJson, tellError } from "./failure.ts";
import { findRun } from "./find-run.ts";
import { type History, readerOf, readHistory, storedOf } from "./history.ts";
import { readSettings, type SettingFlags } from "./settings.ts";
import { out, plural, print } from "./terminal.ts";
import { printJson } from "./values.ts";
import { look, needEntries } from "./workspace.ts";

interface Found {
  /** As a person knows it. */
  readonly name: string;
  readonly entries: History["entries"];
  readonly read: (payload: Payload) => Promise<string>;
}

export async function replayRun(target: string, flags: SettingFlags & { readonly json?: boolean; readonly debug?: boolean }): Promise<void> {
  const settings = await readSettings(flags);
  const entries = needEntries(settings, "windhover replay", `windhover replay ${target} -e FILE${settings.suffix}`);
  const found = existsSync(target) ? fromFile(target) : await fromRun(target, flags);
  const { loadEntries } = await import("./loader.ts");
  const { code } = await loadEntries(entries);
  const flow = flowOf(found.entries);
  const problem = await divergence(code, flow, found.entries, found.read);
  if (problem) process.exitCode = EXIT.failed;
  if (flags.json) return printJson({ run: found.name, flow, entries: found.entries.length, matches: !problem, ...(problem && { error: errorJson(problem) }) });
  if (!problem)
    return print(
      `${out("✓", "green")} ${out(found.name, "bold")} of ${flow}: all ${plural(found.entries.length, "entry", "entries")} match the code that is here.`,
    );
  print(`${out("✗", "red")} ${out(found.name, "bold")} of ${flow} parts from its log on the code that is here.`);
  tellError(problem, flags.debug);
}

function fromFile(file: string): Found {
  const history = readHistory(file);
  return { name: history.entries.at(-1)?.state?.name || file, entries: history.entries, read: readerOf(history) };
}
const fromRun = (run: string, flags: SettingFlags): Promise<Found> =>
  look(flags, async ({ ports }) => {
    const { id, name } = await findRun(ports, run);
    const entries = (await ports.log.read(runActor(id))) as History["entries"];
    // The place is closed by the time that the code runs: what it may need is read now.
    const stored = await storedOf(entries, ports.results);
    return { name, entries, read: readerOf({ entries, stored }) };
  });

/** @throws WH2060 for a log that does not begin with a start. */
function flowOf(entries: History["entries"]): string {
  for (const { events } of entries) for (const event of events) if (event.type === "started") return event.flow;
  throw new WindhoverError("WH2060", {
    message: "The run has no code to replay: it ended before it started.",
    expected: "a run that has started",
    got: `${entries.length} entries`,
  });
}

/** Where the code parts from the log, or undefined when the two match. */
export async function divergence(
  code: Code,
  flow: string,
  entries: History["entries"],
  read: (payload: Payload) => Promise<string>,
): Promise<WindhoverError | undefined> {
  try {
    await replayHistory({ [definitionKey]: code.flow(flow) satisfies FlowDefinition } as unknown as Flow<unknown, unknown>, entries, read);
    return undefined;
  } catch (error) {
    if (error instanceof WindhoverError && PARTS.has(error.code)) return error;
    throw error;
  }
}
/** That the flow is gone is the greatest of differences. */
const PARTS: ReadonlySet<string> = new Set(["WH1201", "WH1202", "WH1203", "WH1204", "WH1205", "WH1010", "WH2001"]);
