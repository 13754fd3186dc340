/** How a golden history is made, written and read. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Entry } from "../../engine/events.ts";
import type { PortsClient } from "../../sdk/ports-client.ts";
import { describeEnding } from "../../sdk/testing/endings.ts";
import { createTestHarness } from "../../sdk/testing/index.ts";
import { goldens } from "./flows.ts";

const ROOT = new URL(".", import.meta.url);
const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));

export interface GoldenHistory {
  /** Its key in `flows.ts`. */
  readonly name: string;
  readonly ending: string;
  readonly entries: readonly Entry[];
  /** Results that the log only refers to, by key. */
  readonly stored: Readonly<Record<string, string>>;
}

/** Runs the flow in a world of its own, and takes its history. */
export async function makeHistory(name: string): Promise<GoldenHistory> {
  const golden = goldens[name];
  if (!golden) throw new Error(`There is no golden flow "${name}".`);
  await using h = await createTestHarness({ seed: 1 });
  const client = h.client as PortsClient;
  await golden.before?.(client);
  const run = await client.run(golden.flow, golden.parameters ?? {}, { id: `golden-${name}` });
  await golden.live?.(h, run);
  await h.advance("1 second");
  // Errors have stacks, and stacks name the place where the repository lies.
  const entries = JSON.parse(JSON.stringify(await h.history(run.id)).replaceAll(REPOSITORY, "")) as readonly Entry[];
  const keys = [...JSON.stringify(entries).matchAll(/"ref":"([^"]+)"/g)].map(([, key]) => key as string);
  const stored: Record<string, string> = {};
  for (const key of keys) stored[key] = await client.ports.results.get(key);
  return { name, ending: describeEnding(await run.state()), entries, stored };
}

/** Writes a history of this release. One that is there stays as it is: it is what an old release did. */
export function writeHistory(release: string, history: GoldenHistory): boolean {
  const folder = new URL(`${release}/`, ROOT);
  const file = new URL(`${history.name}.json`, folder);
  if (existsSync(file)) return false;
  mkdirSync(folder, { recursive: true });
  const { name, ending, stored, entries } = history;
  const lines = entries.map((entry) => `    ${JSON.stringify(entry)}`).join(",\n");
  writeFileSync(file, `{\n  "name": ${JSON.stringify(name)},\n  "ending": ${JSON.stringify(ending)},\n  "stored": ${JSON.stringify(stored)},\n  "entries": [\n${lines}\n  ]\n}\n`, { flag: "wx" });
  return true;
}

export interface KeptHistory extends GoldenHistory {
  readonly release: string;
}
export function keptHistories(): KeptHistory[] {
  const releases = readdirSync(fileURLToPath(ROOT), { withFileTypes: true }).filter((entry) => entry.isDirectory() && /^v\d/.test(entry.name));
  return releases.flatMap(({ name: release }) =>
    readdirSync(new URL(`${release}/`, ROOT))
      .filter((file) => file.endsWith(".json"))
      .map((file) => ({ release, ...(JSON.parse(readFileSync(new URL(`${release}/${file}`, ROOT), "utf8")) as GoldenHistory) })),
  );
}
