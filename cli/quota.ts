/** Whether the account lets enough functions run at once: a new one has ten of them, where others have a thousand. */
import type { AwsClients } from "../adapters/aws/clients.ts";
import { type Check, check } from "./check.ts";
import type { Settings } from "./settings.ts";
import { err, tell } from "./terminal.ts";

/** With fewer, a map and the mailbox already take each other's. */
const FEW = 50;

/** Nothing where it cannot be seen. */
export async function quotaCheck(clients: Pick<AwsClients, "lambda">): Promise<readonly Check[]> {
  const { concurrentFunctions } = await import("../adapters/aws/quota.ts");
  const count = await concurrentFunctions(clients);
  if (count === undefined) return [];
  const say = check("lambda");
  if (count >= FEW) return [say("ok", `the account lets ${count} functions run at once`)];
  return [
    say(
      "warning",
      `the account lets only ${count} functions run at once: what is beyond that is throttled, and a task may count as crashed`,
      'Ask AWS for more ("Concurrent executions" in Service Quotas, for nothing), and bound until then what each pool takes: `pools: { default: { concurrency: 2 } }`.',
    ),
  ];
}

/** Before a deploy. */
export async function warnOfQuota({ region, profile }: Settings): Promise<void> {
  const { createClients } = await import("../adapters/aws/clients.ts");
  const clients = createClients({ ...(region !== undefined && { region }), ...(profile !== undefined && { profile }) });
  try {
    for (const { state, text, action } of await quotaCheck(clients))
      if (state !== "ok") tell(err(`${text[0]?.toUpperCase()}${text.slice(1)}.\n${action}\n`, "yellow"));
  } finally {
    clients.close();
  }
}
