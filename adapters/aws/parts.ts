/** What every port of this folder is made of. */
import type { Clock, Random } from "../../engine/ports.ts";
import type { AwsClients } from "./clients.ts";
import type { StackResources } from "./stack.ts";

/**
 * Who opened the stack. The `orchestrator` runs inline tasks of a millisecond and first looks for an abort after a second, an `executor` looks at once; both write their log
 * lines to the standard output, where Lambda takes them from. A `client` writes them to CloudWatch Logs itself.
 */
export type Role = "orchestrator" | "executor" | "client";

export interface Parts {
  readonly stack: StackResources;
  readonly clients: AwsClients;
  readonly clock: Clock;
  readonly random: Random;
  readonly role: Role;
}
