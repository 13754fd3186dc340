/** Values for the cases: small, valid, and awkward where a backend could stumble. */
import type { ArtifactRow, DeploymentRow, Entry, RunRow } from "../../engine/events.ts";
import type { Message } from "../../engine/messages.ts";
import type { LogLine, RunFacts, TaskMessage } from "../../engine/ports.ts";

/** Escapes, quotes, other scripts, astral and combining characters, right to left, and what SQL, JSON, URLs and paths find special. */
export const AWKWARD = `"quoted" 'single' \\back /slash ..%2F ?a=b&c #h {j:[1]} <b> 100% _under* ; DROP TABLE x; -- \u0000\u0001 line\nfeed\ttab \u2028 żółć 東京 🪁👩‍👩‍👧 e\u0301 שלום \uFFFD`;

/** The same without control characters: fit for a name or a key. */
export const AWKWARD_NAME = `"q" 'x' ..%2F?a=b&c#h {j} <b> 100% _* ; -- żółć 東京 🪁 שלום`;

/** Two names that look alike (composed, decomposed), differ in case or in a trailing space, or are each other's beginnings: all different. */
export const LOOKALIKES = ["caf\u00e9", "cafe\u0301", "CAF\u00c9", "cafe", "cafe ", "caf", "caf%", "caf_", "cafe:1", "cafe/1"] as const;

/** An entry as a turn writes it. Ports store and return entries without looking inside, so the folded state here is only as real as they need. */
export function entry(
  actor: string,
  n: number,
  more: { readonly at?: number; readonly nonce?: string; readonly text?: string; readonly physical?: readonly string[] } = {},
): Entry {
  const plain = {
    actor,
    n,
    at: more.at ?? 1_800_000_000_000 + n,
    nonce: more.nonce ?? `nonce-${n}`,
    version: 1,
    physical: more.physical ?? [`p-${n}`],
    events: [{ type: "input", request: `r-${n}`, name: "note", value: more.text ?? `value ${n}` }],
    effects: [
      { do: "timer", id: `t-${n}`, at: 1_800_000_060_000 },
      { do: "send", to: "limit:gpu", message: message(`m-${n}`) },
    ],
    state: { kind: "run", counted: n, text: more.text ?? "", nested: { list: [1, null, { deep: true }] } },
  };
  return plain as unknown as Entry;
}

export const message = (id: string): Message => ({ kind: "cancel", id });

export const facts: RunFacts = { runId: "quick-heron", runName: "quick-heron", flow: "digest", parameters: '{"urls":[]}', tags: ["prod"] };

export const taskMessage = (id: string, calls: readonly string[] = ["fetch-0"]): TaskMessage => ({
  id,
  actor: "run:quick-heron",
  run: facts,
  tasks: calls.map((call) => ({ call, attempt: 1, task: "fetch", args: '["https://example.com"]' })),
});

/** A time that every row counts from. Unit: milliseconds since 1970. */
export const NOON = 1_800_000_000_000;

export function runRow(id: string, more: Partial<RunRow> = {}): RunRow {
  return { id, seq: 1, name: id, flow: "digest", state: { type: "RUNNING", name: "Running", timestamp: NOON }, tags: [], createdAt: NOON, ...more };
}

export function deploymentRow(name: string, more: Partial<DeploymentRow> = {}): DeploymentRow {
  return {
    name,
    seq: 1,
    flow: "digest",
    paused: false,
    schedules: [{ text: "0 2 * * *", timezone: "America/Sao_Paulo", active: true, next: NOON }],
    tags: [],
    updatedAt: NOON,
    ...more,
  };
}

export function artifactRow(run: string, key: string, more: Partial<ArtifactRow> = {}): ArtifactRow {
  return { id: `${run}/call-0/${key}`, run, call: "call-0", key, kind: "markdown", data: `"# ${key}"`, at: NOON, ...more };
}

export function logLine(run: string, id: string, more: Partial<LogLine> = {}): LogLine {
  return { id, run, at: NOON, level: "info", message: `line ${id}`, ...more };
}
