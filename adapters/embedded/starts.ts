/**
 * Runs that were accepted and that nobody has taken: their starts, and what asks deployments for runs, read from the mail as it lies in the database. Nothing is written for it, and
 * where no mail waits it costs a few microseconds.
 */
import type { DeploymentMessage, DeploymentSettings } from "../../engine/messages.ts";
import type { StartsWanted, WaitingStart } from "../../engine/ports.ts";
import type { Database, Row, Value } from "./database.ts";

/** Where a million wait, those that were sent last are looked at: nobody reads more in one page. */
const MOST = 1000;

/** To look for a text costs a tenth of reading the JSON, and most mail is no start. */
const isA = (kind: string): string => `instr(m.body, '"kind":"${kind}"') > 0 AND json_extract(m.body, '$.kind') = '${kind}'`;
/** The plus keeps the search off the index by actor: it goes back from the newest mail, and ends where it has enough. */
const NEWEST = `SELECT m.actor, m.body FROM mail m WHERE +m.actor BETWEEN 'run:' AND 'run;' AND ${isA("start")} AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.id = substr(m.actor, 5))
  AND json_extract(m.body, '$.createdAt') <= ? ORDER BY m.seq DESC LIMIT ${MOST}`;
const OF_RUN = `SELECT m.actor, m.body FROM mail m WHERE m.actor = ? AND ${isA("start")} AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.id = ?)`;
const TRIGGERS = `SELECT m.actor, m.body FROM mail m WHERE m.actor BETWEEN 'deployment:' AND 'deployment;' AND ${isA("trigger")}
  AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.id = json_extract(m.body, '$.run'))`;
const NEWEST_TRIGGERS = `${TRIGGERS} AND json_extract(m.body, '$.createdAt') <= ? ORDER BY m.seq DESC LIMIT ${MOST}`;
const TRIGGER_OF_RUN = `${TRIGGERS} AND json_extract(m.body, '$.run') = ?`;
const CONFIGURED = `SELECT m.body FROM mail m WHERE m.actor = ? AND ${isA("configure")} ORDER BY m.seq DESC LIMIT 1`;

export function waitingStarts(database: Database, { run, until = Number.MAX_SAFE_INTEGER }: StartsWanted): readonly WaitingStart[] {
  const read = (sql: string, ...values: Value[]): readonly WaitingStart[] =>
    database
      .prepare(sql)
      .all(...values)
      .map(parse);
  const starts = run === undefined ? read(NEWEST, until) : read(OF_RUN, `run:${run}`, run);
  const triggers = run === undefined ? read(NEWEST_TRIGGERS, until) : read(TRIGGER_OF_RUN, run);
  const configured = new Map<string, DeploymentSettings | undefined>();
  const settingsOf = (actor: string): DeploymentSettings | undefined => {
    if (!configured.has(actor)) configured.set(actor, settingsIn(database.prepare(CONFIGURED).get(actor)));
    return configured.get(actor);
  };
  return [...starts, ...triggers.map((trigger) => ({ ...trigger, settings: settingsOf(trigger.actor) }))];
}

const parse = (row: Row): WaitingStart => ({ actor: row["actor"] as string, message: JSON.parse(row["body"] as string) });

function settingsIn(row: Row | undefined): DeploymentSettings | undefined {
  return row && (JSON.parse(row["body"] as string) as Extract<DeploymentMessage, { kind: "configure" }>).settings;
}
