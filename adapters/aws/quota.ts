/** How many functions an account lets run at once in a region. All that runs there shares it, and what is beyond it waits in the queues and may count as received. */
import { GetAccountSettingsCommand } from "@aws-sdk/client-lambda";
import type { AwsClients } from "./clients.ts";

/** Undefined where it cannot be seen: who may deploy, or look at a stack, need not be allowed to ask. */
export async function concurrentFunctions({ lambda }: Pick<AwsClients, "lambda">): Promise<number | undefined> {
  try {
    const { AccountLimit } = await lambda.send(new GetAccountSettingsCommand({}));
    return AccountLimit?.ConcurrentExecutions;
  } catch {
    return undefined;
  }
}
