/** Which flows a stack has: a row each in the runs table, written by a deploy for what is in the code, and before a flow's first run. Who is not there starts runs by these names. */
import { PutItemCommand } from "@aws-sdk/client-dynamodb";
import { failure } from "./failure.ts";
import type { Parts } from "./parts.ts";
import { items, sortKey, text } from "./table.ts";

const FLOWS = "#flows";
type Where = Pick<Parts, "clients" | "stack">;

export async function knownFlows({ clients, stack }: Where): Promise<readonly string[]> {
  const query = { TableName: stack.runsTable, KeyConditionExpression: "pk = :flows", ExpressionAttributeValues: { ":flows": text(FLOWS) } };
  return (await items(clients.dynamodb, query)).flatMap(({ flow }) => flow?.S ?? []);
}

export async function noteFlows({ clients, stack }: Where, names: Iterable<string>): Promise<void> {
  for (const flow of names) {
    const Item = { pk: text(FLOWS), sk: text(sortKey(flow)), flow: text(flow) };
    await clients.dynamodb.send(new PutItemCommand({ TableName: stack.runsTable, Item })).catch((error: unknown) => {
      throw failure(error, `noting the flow ${flow}`);
    });
  }
}
