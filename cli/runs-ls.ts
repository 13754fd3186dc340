/** `windhover runs ls` */
import type { RunRow, StateType } from "../engine/events.ts";
import { shortSpan } from "../engine/span.ts";
import { STATE_TYPES } from "../engine/state.ts";
import { runRows } from "../sdk/run-rows.ts";
import { usage } from "./failure.ts";
import { standstill } from "./outcome.ts";
import type { SettingFlags } from "./settings.ts";
import { printTable } from "./table.ts";
import { out, print, relative, stateText, tell, waitText } from "./terminal.ts";
import { printJson } from "./values.ts";
import { look } from "./workspace.ts";

export interface ListRunsFlags extends SettingFlags {
  readonly flow?: string;
  readonly deployment?: string;
  readonly state?: readonly string[];
  readonly tag?: string;
  readonly limit: string;
  readonly json?: boolean;
}

const PAGE = 500;

export async function listRuns(flags: ListRunsFlags): Promise<void> {
  const { flow, deployment, tag } = flags;
  const states = flags.state?.flatMap((text) => text.split(",")).map(stateType);
  const limit = Number(flags.limit);
  if (!Number.isInteger(limit) || limit < 1) throw usage(`--limit cannot be ${flags.limit}.`, { expected: "a whole number from 1 on", got: flags.limit });
  await look(flags, async (place) => {
    const { ports, settings } = place;
    const rows: RunRow[] = [];
    let cursor: string | undefined;
    do {
      const page = await runRows(ports, { flow, deployment, tag, states, cursor, limit: Math.min(PAGE, limit - rows.length) });
      rows.push(...page.rows);
      cursor = page.cursor;
    } while (cursor !== undefined && rows.length < limit);
    if (flags.json) return printJson({ runs: rows.map(rowJson), more: cursor !== undefined });
    if (rows.length === 0)
      return tell(
        flow || deployment || tag || states
          ? "No run is like that."
          : settings.stack === undefined
            ? `No runs in ${settings.directory} yet. Start one: windhover run FILE`
            : `No runs in the stack ${settings.stack} yet. Start one: windhover run NAME${settings.suffix}`,
      );
    const now = ports.clock.now();
    const still = standstill(place);
    printTable(
      [
        { title: "STATE", shrinks: true },
        { title: "NAME" },
        { title: "FLOW", shrinks: true },
        { title: "CREATED", right: true, drops: 3 },
        { title: "TOOK", right: true, drops: 2 },
        { title: "ID", drops: 1 },
        { title: "WHY", shrinks: true, below: true },
      ],
      rows.map((row) => [
        stateText(row.state),
        row.name,
        flowOf(row),
        relative(row.createdAt, now),
        took(row, now),
        out(row.id.slice(0, 8), "dim"),
        whyStill(row, now, still(row.state)),
      ]),
    );
    if (cursor !== undefined) print(out(`\nMore: --limit ${limit * 5}`, "dim"));
  });
}

function stateType(text: string): StateType {
  const type = STATE_TYPES.find((state) => state === text.trim().toUpperCase());
  if (!type) throw usage(`There is no state "${text}".`, { expected: STATE_TYPES.join(", ").toLowerCase(), got: text });
  return type;
}

const flowOf = ({ flow, deployment, parent }: RunRow): string =>
  `${flow}${deployment ? out(` ⟵ ${deployment}`, "dim") : ""}${parent ? out(" (subflow)", "dim") : ""}`;
const took = ({ startedAt, endedAt }: RunRow, now: number): string => (startedAt === undefined ? "" : shortSpan((endedAt ?? now) - startedAt));
/** Of what is not well: what it waits for, or what it failed of. */
export function why({ state }: Pick<RunRow, "state">, now: number): string {
  const { reason, message, type } = state;
  if (reason) return out(waitText(reason, now), "dim");
  return message === undefined ? "" : out((message.split("\n")[0] ?? "").trim(), type === "FAILED" || type === "CRASHED" ? "red" : "dim");
}

function whyStill(row: RunRow, now: number, still: string | undefined): string {
  const said = why(row, now);
  return still === undefined ? said : `${said}${said === "" ? "" : out("; ", "dim")}${out(still, "dim")}`;
}

/** Times as ISO texts. */
export function rowJson({ seq: _, state, createdAt, startedAt, endedAt, scheduledTime, ...row }: RunRow): Readonly<Record<string, unknown>> {
  const iso = (ms: number | undefined): string | undefined => (ms === undefined ? undefined : new Date(ms).toISOString());
  const times = { createdAt: iso(createdAt), startedAt: iso(startedAt), endedAt: iso(endedAt), scheduledTime: iso(scheduledTime) };
  const reason = state.reason && {
    ...state.reason,
    since: iso(state.reason.since),
    ...(state.reason.until !== undefined && { until: iso(state.reason.until) }),
  };
  const all = { ...row, state: { ...state, timestamp: iso(state.timestamp), ...(reason && { reason }) }, ...times };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}
