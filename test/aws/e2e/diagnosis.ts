/** What one needs to know of a deployed stack when a test on it fails. */
import { readFileSync } from "node:fs";
import { FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { createClients } from "../../../adapters/aws/clients.ts";
import type { DeployedStack } from "../cdk.ts";

const LINES = 60;

/** Does the work, and adds the end of the stack's log group and of the server's own log to what it throws. `ms`: it hangs after so long. */
export async function diagnosed<T>({ server, resources }: DeployedStack, ms: number, work: () => Promise<T>): Promise<T> {
  let late: NodeJS.Timeout | undefined;
  const hanging = new Promise<never>((_, reject) => {
    late = setTimeout(() => reject(new Error(`it was not done after ${ms / 1000} seconds`)), ms);
  });
  try {
    return await Promise.race([work(), hanging]);
  } catch (error) {
    const { logs, close } = createClients({ endpoint: server.endpoint, region: resources.region });
    const lines: string[] = [];
    let nextToken: string | undefined;
    do {
      const found = await logs.send(new FilterLogEventsCommand({ logGroupName: resources.logGroup, nextToken }));
      lines.push(...(found.events ?? []).map(({ message = "" }) => message.trimEnd()));
      nextToken = found.nextToken;
    } while (nextToken !== undefined);
    close();
    const own = readFileSync(server.log, "utf8").split("\n").slice(-LINES).join("\n");
    throw new Error(
      `${(error as Error).message}\nThe log group ${resources.logGroup} ends with:\n${lines.slice(-LINES).join("\n")}\nThe server's log ends with:\n${own}`,
      { cause: error },
    );
  } finally {
    clearTimeout(late);
  }
}
