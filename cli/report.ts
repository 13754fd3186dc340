/** What came of a run that was followed to its end: its result on the standard output, its error on the standard error, and the status of this process. */
import { readPayload } from "../engine/payload.ts";
import type { RunState } from "../engine/run-state.ts";
import { shortSpan } from "../engine/span.ts";
import { EXIT, errorJson, tellError, withOthers } from "./failure.ts";
import type { RunFlags } from "./run.ts";
import { err, stateText, tell } from "./terminal.ts";
import { jsonOf, printJson, readError, valueText } from "./values.ts";
import type { Place } from "./workspace.ts";

/** `again`: the options with which a failed run is retried in the same way. */
export async function report({ ports, settings }: Place, id: string, state: RunState, flags: RunFlags, again: string): Promise<void> {
  const { results } = ports;
  const { suffix } = settings;
  const { row, name, flow } = state;
  const ok = row.type === "COMPLETED";
  const took = row.timestamp - (state.startedAt ?? state.createdAt);
  process.exitCode = ok ? EXIT.ok : EXIT.failed;
  if (flags.json) {
    const outcome = ok
      ? { result: jsonOf(await readPayload(state.result, results)) }
      : { error: state.error === undefined ? { message: row.message ?? row.name } : errorJson(await readError(state.error, results)) };
    return printJson({ id, name, flow, state: { type: row.type, name: row.name }, durationMs: took, ...outcome });
  }
  if (!flags.quiet) tell(`\n${stateText(row, err)} ${err(name, "bold")} in ${shortSpan(took)}   ${err(`windhover runs inspect ${name}${suffix}`, "dim")}`);
  if (ok) {
    const result = await readPayload(state.result, results);
    if (result !== undefined) process.stdout.write(`${valueText(result)}\n`);
    return;
  }
  tell();
  const error = state.error === undefined ? undefined : await readError(state.error, results);
  if (error === undefined) tell(row.message ?? `The run ended as ${row.name}.`);
  else tellError(error, flags.debug);
  const others = withOthers(error);
  if (others !== undefined)
    tell(`\n  ${err("again".padEnd(10), "dim")}windhover runs rerun ${name} ${others}${again}${suffix}   ${err("(with other parameters)", "dim")}`);
  else if (row.type !== "CANCELLED")
    tell(`\n  ${err("again".padEnd(10), "dim")}windhover runs retry ${name}${again}${suffix}   ${err("(what completed is not done again)", "dim")}`);
}
