/** `windhover artifacts ls` */
import { readPayload } from "../engine/payload.ts";
import { findRun } from "./find-run.ts";
import type { SettingFlags } from "./settings.ts";
import { printTable } from "./table.ts";
import { out, relative, tell } from "./terminal.ts";
import { jsonOf, printJson, valueText } from "./values.ts";
import { look } from "./workspace.ts";

export async function listArtifacts(run: string, flags: SettingFlags & { readonly json?: boolean }): Promise<void> {
  await look(flags, async ({ ports }) => {
    const { index, results, clock } = ports;
    const row = await findRun(ports, run);
    const artifacts = await Promise.all(
      (await index.artifacts(row.id)).map(async ({ key, kind, call, at, data }) => ({ key, kind, call, at, data: await readPayload(data, results) })),
    );
    if (flags.json)
      return printJson({
        run: row.id,
        artifacts: artifacts.map((artifact) => ({ ...artifact, at: new Date(artifact.at).toISOString(), data: jsonOf(artifact.data) })),
      });
    if (artifacts.length === 0) return tell(`${row.name} left no artifacts.`);
    printTable(
      [
        { title: "KEY" },
        { title: "KIND" },
        { title: "CALL", drops: 2 },
        { title: "WRITTEN", right: true, drops: 1 },
        { title: "CONTENT", shrinks: true, below: true },
      ],
      artifacts.map(({ key, kind, call, at, data }) => [key, kind, out(call ?? "", "dim"), relative(at, clock.now()), preview(kind, data)]),
    );
  });
}

function preview(kind: string, data: unknown): string {
  if (kind === "progress" && typeof data === "number") return `${Math.round(data * 100)} %`;
  if (kind === "table" && Array.isArray(data)) return `${data.length} rows: ${Object.keys((data[0] ?? {}) as object).join(", ")}`;
  if (typeof data === "object" && data !== null && "url" in data) return String(data.url);
  return valueText(data, 120).replace(/\s+/g, " ");
}
