/** The same contracts over DynamoDB Local: log, claims, registry, aborts and index, which need nothing but tables. */
import { describe, test } from "vitest";
import { dynamodbLocal, missingJava } from "../aws/dynamodb-local.ts";
import { environmentOf } from "../aws/ministack.ts";
import { abortsContract } from "./aborts.ts";
import { createWorld } from "./aws-state.ts";
import { claimsContract } from "./claims.ts";
import { indexContract } from "./index-rows.ts";
import { logContract } from "./log.ts";
import { registryContract } from "./registry.ts";

const missing = missingJava();

const make = async () => {
  const endpoint = await dynamodbLocal();
  Object.assign(process.env, environmentOf({ endpoint }));
  return createWorld({ endpoint });
};

describe("aws on DynamoDB Local", () => {
  if (missing !== undefined) {
    test("the ports that need only tables", (context) => context.skip(missing));
    return;
  }
  for (const contract of [logContract, claimsContract, registryContract, abortsContract, indexContract]) contract(make);
});
