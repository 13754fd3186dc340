/** For a test that failed: what the stacks' functions have written since it began, and how the server's own log ends. */
import { readFileSync } from "node:fs";
import { DescribeLogGroupsCommand, FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { createClients } from "../../adapters/aws/clients.ts";
import { ministack, REGION } from "./ministack.ts";

const LINES = 80;
/** Lambda's own lines, three an invocation. */
const NOISE = /^(START|END|REPORT) /;

/** Unit: milliseconds since 1970. */
export async function tellWhatHappened(since: number): Promise<void> {
  const { log, endpoint } = await ministack({ auth: true });
  const clients = createClients({ endpoint, region: REGION });
  const { logGroups = [] } = await clients.logs.send(new DescribeLogGroupsCommand({ logGroupNamePrefix: "/windhover/" }));
  for (const { logGroupName } of logGroups) {
    const { events = [] } = await clients.logs.send(new FilterLogEventsCommand({ logGroupName, startTime: since }));
    const lines = events.map(({ message = "" }) => message.trimEnd()).filter((line) => !NOISE.test(line));
    console.error(`${logGroupName}, its last lines:\n${lines.slice(-LINES).join("\n")}`);
  }
  clients.close();
  console.error(`The server's log ends with:\n${readFileSync(log, "utf8").split("\n").slice(-LINES).join("\n")}`);
}
