import { ChangeMessageVisibilityBatchCommand, ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { mockClient } from "aws-sdk-client-mock";
import { expect, test } from "vitest";
import { createClients } from "../../adapters/aws/clients.ts";
import { openResources } from "../../adapters/aws/open.ts";
import { REGION } from "../aws/ministack.ts";
import { stackNamed } from "../aws/resources.ts";

test("what a client has in hand is given back before its connections are closed", async () => {
  const order: string[] = [];
  const message = {
    MessageId: "m",
    ReceiptHandle: "r",
    Body: JSON.stringify({ to: "run:a", message: { kind: "start", id: "s" } }),
    Attributes: { ApproximateReceiveCount: "1", MessageGroupId: "run:a", SentTimestamp: "1800000000000" },
  };
  mockClient(SQSClient)
    .on(ReceiveMessageCommand)
    .resolves({ Messages: [message] })
    .on(ChangeMessageVisibilityBatchCommand)
    .callsFake(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      order.push("given back");
      return {};
    });
  const clients = createClients({ region: REGION, endpoint: "http://127.0.0.1:1" });
  const { ports, close } = openResources(stackNamed("flows"), Object.assign(clients, { close: () => void order.push("closed") }));
  expect(await ports.inbox.receive(10)).toHaveLength(1);
  await close();
  expect(order).toEqual(["given back", "closed"]);
});
