/** `windhover runs logs`: a run's story with what its code logged, from the store, and on as it happens. */
import { Printer } from "../adapters/embedded/printer.ts";
import { decode } from "../engine/codec.ts";
import { runActor } from "../engine/messages.ts";
import type { LogLine } from "../engine/ports.ts";
import type { RunState } from "../engine/run-state.ts";
import { isFinal } from "../engine/state.ts";
import { findRun } from "./find-run.ts";
import { inOrder } from "./follow.ts";
import type { SettingFlags } from "./settings.ts";
import { tell, wantsColour } from "./terminal.ts";
import { jsonOf } from "./values.ts";
import { look } from "./workspace.ts";

export interface LogsFlags extends SettingFlags {
  readonly follow?: boolean;
  readonly json?: boolean;
  readonly debug?: boolean;
}

/** How often a run is looked at that another process works on. Unit: milliseconds. */
const LOOK_MS = 200;
/** Each look at a stack is a few requests. */
const LOOK_THERE_MS = 1500;
const PAGE = 1000;

export async function printLogs(run: string, flags: LogsFlags): Promise<void> {
  await look(flags, async ({ ports, stack }) => {
    const { id } = await findRun(ports, run);
    const printer = new Printer({
      write: (text) => void process.stdout.write(text),
      colour: wantsColour(process.stdout),
      ...(flags.debug && { level: "debug" as const }),
    });
    let seen = 0;
    let after: string | undefined;
    let ended = false;
    for (;;) {
      const tail = await ports.log.tail(runActor(id));
      const lines: LogLine[] = [];
      for (let page = await ports.logs.read(id, { after, limit: PAGE }); page.length > 0; page = await ports.logs.read(id, { after, limit: PAGE })) {
        lines.push(...page);
        after = page.at(-1)?.id;
      }
      const entries = tail && tail.n > seen ? await ports.log.read(runActor(id), seen + 1, tail.n) : [];
      if (flags.json) for (const line of lines) process.stdout.write(`${JSON.stringify(lineJson(line))}\n`);
      else inOrder(printer, entries, lines, tail);
      seen = tail?.n ?? 0;
      const over = tail !== null && isFinal((tail.state as RunState).row.type);
      // The lines of a stack reach the store a moment after the run's end.
      if (over && flags.follow && stack && !ended) ended = true;
      else if (!flags.follow || over) {
        printer.release();
        return seen === 0 && lines.length === 0 ? tell("Nothing has happened in it yet.") : undefined;
      }
      await ports.clock.wait(stack ? LOOK_THERE_MS : LOOK_MS);
    }
  });
}

const lineJson = ({ at, level, call, message, fields }: LogLine): unknown => ({
  at: new Date(at).toISOString(),
  level,
  ...(call !== undefined && { call }),
  message,
  ...(fields !== undefined && { fields: jsonOf(decode(fields)) }),
});
