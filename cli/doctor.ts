/** `windhover doctor`: what has to be right on this machine, in this project and in its stack, looked at one by one. */
import { closeSync, existsSync, fdatasyncSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import type { RunRow } from "../engine/events.ts";
import { OPEN } from "../engine/state.ts";
import { LEAST_NODE } from "../sdk/node-version.ts";
import { runRows } from "../sdk/run-rows.ts";
import { broken, type Check, check } from "./check.ts";
import { EXIT } from "./failure.ts";
import type { Loaded } from "./loader.ts";
import { readSettings, type SettingFlags, type Settings } from "./settings.ts";
import { shortPath } from "./stack.ts";
import { out, plural, print } from "./terminal.ts";
import { printJson } from "./values.ts";

export async function doctor(flags: SettingFlags & { readonly json?: boolean }): Promise<void> {
  const checks: Check[] = [node()];
  const settings = await readSettings(flags).catch((error: unknown) => void checks.push(broken("settings", error)));
  if (settings) {
    checks.push(check("settings")("ok", settings.file === undefined ? "no windhover.config.ts: defaults" : shortPath(settings.file)));
    const { found, loaded } = await entries(settings);
    checks.push(found, ...(await place(settings, loaded)));
  }
  const wrong = checks.filter((one) => one.state === "wrong").length;
  if (wrong > 0) process.exitCode = EXIT.failed;
  if (flags.json) return printJson({ ok: wrong === 0, checks });
  const mark = { ok: out("✓", "green"), warning: out("!", "yellow"), wrong: out("✗", "red") };
  for (const { what, state, text, action } of checks) {
    print(`${mark[state]} ${out(what.padEnd(10), "dim")} ${text}`);
    if (action !== undefined && state !== "ok") print(`  ${" ".repeat(10)} ${out(`→ ${action}`, "dim")}`);
  }
  const warnings = checks.filter((one) => one.state === "warning").length;
  print(wrong > 0 ? `\n${plural(wrong, "thing")} to put right.` : warnings > 0 ? `\nFit, with ${plural(warnings, "thing")} to look at.` : "\nAll is well.");
}

/** What is only in this directory, or only in a stack. */
async function place(settings: Settings, loaded: Loaded | undefined): Promise<Check[]> {
  if (settings.stack === undefined) return [disk(settings.directory), ...(await database(settings, loaded)), await port(settings.port)];
  const { stackChecks } = await import("./doctor-stack.ts");
  return stackChecks(settings, settings.stack, loaded);
}

function node(): Check {
  const { version } = process;
  return Number(version.slice(1).split(".")[0]) >= LEAST_NODE
    ? check("node")("ok", version)
    : check("node")("wrong", version, `Install Node ${LEAST_NODE} or newer.`);
}

async function entries(settings: Settings): Promise<{ readonly found: Check; readonly loaded?: Loaded }> {
  const say = check("entries");
  if (settings.entries.length === 0)
    return { found: say("warning", "none is set", 'Write windhover.config.ts with `export default defineConfig({ entry: "./flows.ts" })`.') };
  try {
    const { loadEntries } = await import("./loader.ts");
    const loaded = await loadEntries(settings.entries);
    return {
      loaded,
      found: say(
        "ok",
        `${settings.entries.map(shortPath).join(", ")}: ${plural(loaded.flows.length, "flow")}, ${plural(loaded.deployments.length, "deployment")}`,
      ),
    };
  } catch (error) {
    return { found: broken("entries", error) };
  }
}

const SYNCS = 20;
/** Every durable step waits for one of these. Unit: milliseconds. */
const SLOW_MS = 20;

function disk(directory: string): Check {
  const say = check("disk");
  let folder = directory;
  while (!existsSync(folder)) folder = dirname(folder);
  if (!statSync(folder).isDirectory()) return say("wrong", `${folder} is not a folder`, "Choose another with --directory.");
  let probe: string | undefined;
  try {
    probe = mkdtempSync(join(folder, ".windhover-doctor-"));
    const file = openSync(join(probe, "probe"), "w");
    const times: number[] = [];
    for (let i = 0; i < SYNCS; i++) {
      const began = performance.now();
      writeSync(file, Buffer.alloc(4096), 0, 4096, i * 4096);
      fdatasyncSync(file);
      times.push(performance.now() - began);
    }
    closeSync(file);
    const median = times.sort((a, b) => a - b)[SYNCS / 2] as number;
    const text = `a write is safe after ${median.toFixed(2)} ms (median of ${SYNCS})`;
    return median > SLOW_MS ? say("warning", text, "Every durable step waits for the disk: choose a faster one with --directory.") : say("ok", text);
  } catch (error) {
    const full = ["ENOSPC", "EDQUOT"].includes((error as NodeJS.ErrnoException).code ?? "");
    return say(
      "wrong",
      `${folder} cannot be written: ${(error as Error).message}`,
      full ? "Free some room, or choose another with --directory." : "Let this user write there, or choose another with --directory.",
    );
  } finally {
    if (probe !== undefined) rmSync(probe, { recursive: true, force: true });
  }
}

/** A database that is not there yet is not made. */
async function database(settings: Settings, loaded: Loaded | undefined): Promise<Check[]> {
  const say = check("database");
  const { directory } = settings;
  if (!existsSync(join(directory, "windhover.db"))) return [say("ok", `none yet in ${shortPath(directory)}: the first run makes it`)];
  try {
    const { openRuntime } = await import("../adapters/embedded/open.ts");
    const { backend, client } = await openRuntime({ directory, work: false });
    try {
      const { rows, cursor } = await runRows(backend.ports, { states: OPEN, limit: 500 });
      const size = statSync(join(directory, "windhover.db")).size;
      const opened = say(
        "ok",
        `${shortPath(directory)} opens, ${(size / 1024 / 1024).toFixed(1)} MB, ${rows.length}${cursor === undefined ? "" : "+"} open ${rows.length === 1 ? "run" : "runs"}`,
      );
      return loaded ? [opened, ...orphans(rows, loaded)] : [opened];
    } finally {
      await client.close();
    }
  } catch (error) {
    return [broken("database", error)];
  }
}

/** Open runs that the project's code can not go on with. */
function orphans(rows: readonly RunRow[], { code }: Loaded): Check[] {
  const lost = rows.filter((row) => !code.flows.has(row.flow));
  if (lost.length === 0) return rows.length === 0 ? [] : [check("open runs")("ok", "the code of all of them is there")];
  const flows = [...new Set(lost.map((row) => row.flow))];
  return [
    check("open runs")(
      "warning",
      `${plural(lost.length, "run")} of ${flows.map((flow) => `"${flow}"`).join(", ")}, which no entry defines`,
      `Bring the flow back, or cancel: windhover runs cancel ${lost[0]?.name}`,
    ),
  ];
}

function port(number: number): Promise<Check> {
  const say = check("port");
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => {
      const used = error.code === "EADDRINUSE";
      resolve(
        say(
          "warning",
          used ? `${number} is in use: by \`windhover dev\`, or by something else` : `${number} cannot be used: ${error.message}`,
          "Choose another with `windhover dev --port N`.",
        ),
      );
    });
    server.listen(number, "127.0.0.1", () => server.close(() => resolve(say("ok", `${number} is free`))));
  });
}
