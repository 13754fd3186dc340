/** Names, caching and deletion of secrets. */
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  GetSecretValueCommand,
  ListSecretsCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import { mockClient } from "aws-sdk-client-mock";
import fc from "fast-check";
import { beforeEach, expect, test } from "vitest";
import { createSecrets, escapeName } from "../../adapters/aws/secrets.ts";
import { AWKWARD_NAME, LOOKALIKES } from "../contract/samples.ts";
import { partsOf, refusal } from "./parts.ts";
import { hastyParts } from "./queues-parts.ts";

const cloud = mockClient(SecretsManagerClient);
beforeEach(() => {
  cloud.reset();
  cloud.on(PutSecretValueCommand).resolves({});
  cloud.on(CreateSecretCommand).resolves({});
  cloud.on(DeleteSecretCommand).resolves({});
  cloud.on(GetSecretValueCommand).resolves({ SecretString: "hunter2" });
});
const gets = () => cloud.commandCalls(GetSecretValueCommand).map((call) => call.args[0].input.SecretId);

test("what was read is good for five minutes in this process, and what was written at once", async () => {
  const parts = partsOf();
  const secrets = createSecrets(parts);
  for (let i = 0; i < 3; i++) expect(await secrets.get("warehouse/main")).toBe("hunter2");
  expect(gets()).toEqual(["/flows/blocks/warehouse/main"]);
  await parts.clock.advance(299_999);
  await secrets.get("warehouse/main");
  expect(gets()).toHaveLength(1);
  await parts.clock.advance(1);
  await secrets.get("warehouse/main");
  expect(gets()).toHaveLength(2);
  await secrets.put("warehouse/main", "hunter3");
  expect(await secrets.get("warehouse/main")).toBe("hunter3");
  expect(gets()).toHaveLength(2);
});

test("what is missing is asked for again: somebody may have made it", async () => {
  cloud.on(GetSecretValueCommand).rejectsOnce(refusal("ResourceNotFoundException")).resolves({ SecretString: "there" });
  const secrets = createSecrets(partsOf());
  expect(await secrets.get("a")).toBeNull();
  expect(await secrets.get("a")).toBe("there");
});

test("names have characters that Secrets Manager takes, different ones stay different, and a list reads them back", async () => {
  const names = [...LOOKALIKES, AWKWARD_NAME, "a=b", "a=3db", "plain/name_1.2@x+y-z"];
  const escaped = names.map(escapeName);
  for (const name of escaped) expect(name).toMatch(/^[A-Za-z0-9/_+=.@-]+$/);
  expect(new Set(escaped).size).toBe(names.length);
  expect(escapeName("plain/name_1.2@x+y-z")).toBe("plain/name_1.2@x+y-z");
  cloud
    .on(ListSecretsCommand)
    .resolvesOnce({ SecretList: escaped.map((name) => ({ Name: `/flows/blocks/${name}` })), NextToken: "more" })
    .resolves({
      SecretList: [{ Name: "/flows/blocks/gone", DeletedDate: new Date() }, { Name: "/flows/blocksmith" }, { Name: "/flows/blocks/last" }],
    });
  expect(await createSecrets(partsOf()).list()).toEqual([...names, "last"].sort());
  await fc.assert(
    fc.asyncProperty(fc.array(fc.string({ unit: "grapheme", minLength: 1 })), async (any) => {
      cloud.on(ListSecretsCommand).resolves({ SecretList: any.map((name) => ({ Name: `/flows/blocks/${escapeName(name)}` })) });
      expect(await createSecrets(partsOf()).list()).toEqual([...any].sort());
    }),
  );
});

test("deleting leaves nothing to recover, and what is not there is deleted already", async () => {
  const secrets = createSecrets(partsOf());
  await secrets.put("a", null);
  expect(cloud.commandCalls(DeleteSecretCommand)[0]?.args[0].input).toEqual({ SecretId: "/flows/blocks/a", ForceDeleteWithoutRecovery: true });
  cloud.on(DeleteSecretCommand).rejects(refusal("ResourceNotFoundException"));
  await secrets.put("a", null);
  cloud.on(DeleteSecretCommand).rejects(refusal("AccessDeniedException"));
  await expect(secrets.put("a", null)).rejects.toMatchObject({ code: "WH3103" });
});

test("a secret is made where it can not be replaced, also while the one before is still being deleted", async () => {
  cloud.on(PutSecretValueCommand).rejects(refusal("ResourceNotFoundException"));
  cloud.on(CreateSecretCommand).rejectsOnce(refusal("InvalidRequestException")).rejectsOnce(refusal("ResourceExistsException")).resolves({});
  const parts = hastyParts();
  await createSecrets(parts).put("a", "hunter2");
  expect(cloud.commandCalls(CreateSecretCommand)).toHaveLength(3);
  expect(parts.waits).toEqual([1000, 1000]);
});

test("a value that Secrets Manager refuses is wrapped, one that is too large is refused by us", async () => {
  const secrets = createSecrets(partsOf());
  const stored = new Map<string, string>();
  cloud.on(PutSecretValueCommand).callsFake(({ SecretId, SecretString }) => {
    stored.set(SecretId, SecretString);
    return {};
  });
  cloud.on(GetSecretValueCommand).callsFake(({ SecretId }) => ({ SecretString: stored.get(SecretId) }));
  for (const value of ["", "windhover:", "windhover:windhover:x", "plain"]) {
    await secrets.put("a", value);
    expect(stored.get("/flows/blocks/a")).not.toBe("");
    expect(await createSecrets(partsOf()).get("a")).toBe(value);
  }
  await expect(secrets.put("a", "x".repeat(70_000))).rejects.toMatchObject({ code: "WH1104" });
});
