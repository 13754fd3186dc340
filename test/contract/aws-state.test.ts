/** The contracts of what is stored (log, claims, registry, aborts, index, results) over MiniStack: fresh tables and a fresh bucket for each case, on virtual time. */
import { describe, test } from "vitest";
import { environmentOf, ministack } from "../aws/ministack.ts";
import { missingPython } from "../aws/python.ts";
import { createBucket, deleteBucket } from "../aws/resources.ts";
import { abortsContract } from "./aborts.ts";
import { createWorld } from "./aws-state.ts";
import { claimsContract } from "./claims.ts";
import { indexContract } from "./index-rows.ts";
import { logContract } from "./log.ts";
import { registryContract } from "./registry.ts";
import { resultsContract } from "./results.ts";

const missing = process.env["CI"] ? undefined : missingPython();

const make = async () => {
  const server = await ministack();
  Object.assign(process.env, environmentOf(server));
  return createWorld({ endpoint: server.endpoint, more: { create: createBucket, remove: deleteBucket } });
};

describe("aws on MiniStack", () => {
  if (missing !== undefined) {
    test("the stored ports", (context) => context.skip(missing));
    return;
  }
  for (const contract of [logContract, claimsContract, registryContract, abortsContract, indexContract, resultsContract]) contract(make);
});
