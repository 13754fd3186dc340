/** `windhover runs export`: a run's history as one file that stands for itself. */
import { findRun } from "./find-run.ts";
import { exportRun } from "./history.ts";
import type { SettingFlags } from "./settings.ts";
import { look } from "./workspace.ts";

export async function exportHistory(run: string, flags: SettingFlags): Promise<void> {
  await look(flags, async ({ ports }) => {
    const { id } = await findRun(ports, run);
    process.stdout.write(`${JSON.stringify(await exportRun(ports, id), null, 1)}\n`);
  });
}
