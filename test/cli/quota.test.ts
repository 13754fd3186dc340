import { GetAccountSettingsCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { mockClient } from "aws-sdk-client-mock";
import { expect, test } from "vitest";
import { createClients } from "../../adapters/aws/clients.ts";
import { quotaCheck } from "../../cli/quota.ts";

const lambda = mockClient(LambdaClient);
const clients = createClients({ region: "eu-west-1" });

test.each([
  [10, "warning", /only 10 functions/],
  [49, "warning", /only 49 functions/],
  [50, "ok", /lets 50 functions/],
  [1000, "ok", /lets 1000 functions/],
])("an account in which %i functions may run at once: %s", async (ConcurrentExecutions, state, text) => {
  lambda.on(GetAccountSettingsCommand).resolves({ AccountLimit: { ConcurrentExecutions } });
  const [found, ...others] = await quotaCheck(clients);
  expect(others).toEqual([]);
  expect(found).toMatchObject({ what: "lambda", state, text: expect.stringMatching(text) });
  if (state === "warning") expect(found?.action).toContain("pools: { default: { concurrency: 2 } }");
});

test("who may not see it is told nothing", async () => {
  lambda
    .on(GetAccountSettingsCommand)
    .rejects(Object.assign(new Error("not authorized to perform lambda:GetAccountSettings"), { name: "AccessDeniedException" }));
  expect(await quotaCheck(clients)).toEqual([]);
});
