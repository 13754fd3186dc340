/** All contracts over one backend: a runner file a backend calls this with its table. */
import { describe } from "vitest";
import { abortsContract } from "./aborts.ts";
import type { Make, Skips } from "./backend.ts";
import { claimsContract } from "./claims.ts";
import { clockContract } from "./clock.ts";
import { eventsContract } from "./events.ts";
import { indexContract } from "./index-rows.ts";
import { logContract } from "./log.ts";
import { logsContract } from "./logs.ts";
import { mailboxContract } from "./mailbox.ts";
import { randomContract } from "./random.ts";
import { registryContract } from "./registry.ts";
import { resultsContract } from "./results.ts";
import { secretsContract } from "./secrets.ts";
import { startsContract } from "./starts.ts";
import { tasksContract } from "./tasks.ts";
import { timersContract } from "./timers.ts";

export interface BackendTable {
  readonly backend: string;
  readonly make: Make;
  /** What is skipped, and why: see {@link Skips}. */
  readonly skips: Skips;
}

const CONTRACTS = [
  logContract,
  mailboxContract,
  startsContract,
  tasksContract,
  claimsContract,
  abortsContract,
  timersContract,
  resultsContract,
  indexContract,
  registryContract,
  secretsContract,
  logsContract,
  eventsContract,
  clockContract,
  randomContract,
];

/** @example runContracts({ backend: "memory", make: memory, skips: {} }) */
export function runContracts({ backend, make, skips }: BackendTable): void {
  describe(backend, () => {
    for (const register of CONTRACTS) register(make, skips);
  });
}
