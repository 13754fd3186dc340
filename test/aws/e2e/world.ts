/** What the end-to-end tests ask of the shared stack. */
import { afterAll } from "vitest";
import { createClients } from "../../../adapters/aws/clients.ts";
import { type OpenedStack, openResources } from "../../../adapters/aws/open.ts";
import type { RunSummary } from "../../../sdk/client-types.ts";
import { sharedStack } from "../deployed.ts";
import { missingPython } from "../python.ts";

/** How long something may take that needs several functions, a tick of ten seconds and a busy machine. Unit: milliseconds. */
export const PATIENCE = { timeout: 90_000, interval: 200 };

/** Where there is no Python, tests that use it are skipped, each with the reason. */
export async function openShared(): Promise<OpenedStack> {
  if (missingPython() !== undefined) return undefined as never;
  const { resources } = await sharedStack();
  const opened = openResources(resources, createClients());
  afterAll(() => opened.close());
  return opened;
}

/** The deployment's runs, those of them that have ended, oldest first. */
export async function endedRuns({ client }: OpenedStack, deployment: string): Promise<readonly RunSummary[]> {
  const { runs } = await client.runs({ deployment });
  return runs.filter(({ state }) => ["COMPLETED", "FAILED", "CANCELLED", "CRASHED"].includes(state.type)).reverse();
}
