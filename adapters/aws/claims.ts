/**
 * Claims of attempts (`engine/claims.ts`) in the state table: an item a claim, put if it is not there, a partition a run. One write unit; nothing where no attempt is claimed.
 */
import { GetItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import type { Claims } from "../../engine/ports.ts";
import { answered, failure, isConditionFailed } from "./failure.ts";
import type { Parts } from "./parts.ts";
import { DAY_MS, expiry, type Item, sortKey, text } from "./table.ts";

/**
 * Longer than the last copy of a task message can come: 14 days after a turn's message was sent it is in a queue no more, 14 days later not among the dead letters, and what was
 * sent from there is gone after another 14.
 */
const KEEP_CLAIM_MS = 60 * DAY_MS;

export function createClaims({ stack, clients, clock }: Pick<Parts, "stack" | "clients" | "clock">): Claims {
  const { stateTable: TableName } = stack;
  const { dynamodb } = clients;

  async function put(Key: Item, mark: string, doing: string): Promise<boolean> {
    const item: Item = { ...Key, mark: text(mark), ttl: expiry(clock.now() + KEEP_CLAIM_MS) };
    try {
      await dynamodb.send(new PutItemCommand({ TableName, Item: item, ConditionExpression: "attribute_not_exists(pk)" }));
      return true;
    } catch (error) {
      // Also when it was our own put whose answer was lost and which the SDK tried again: the mark that is there tells.
      if (isConditionFailed(error)) return false;
      throw failure(error, doing);
    }
  }

  return {
    async take(actor, key, mark) {
      const Key: Item = { pk: text(`claim/${actor}`), sk: text(sortKey(key)) };
      const doing = `claiming ${key} of ${actor}`;
      for (;;) {
        if (await put(Key, mark, doing)) return mark;
        const { Item: found } = await answered(dynamodb.send(new GetItemCommand({ TableName, Key, ConsistentRead: true })), doing);
        // Nothing is there any more only if its time was over between the two requests.
        if (found?.["mark"]?.S !== undefined) return found["mark"].S;
      }
    },
  };
}
