/** What the log does with real storage when entries are large, logs are long, or an answer is lost on its way. On MiniStack. */
import { randomBytes } from "node:crypto";
import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openAws } from "../../adapters/aws/backend.ts";
import { type AwsClients, createClients } from "../../adapters/aws/clients.ts";
import type { StackResources } from "../../adapters/aws/stack.ts";
import type { Entry } from "../../engine/events.ts";
import type { Ports } from "../../engine/ports.ts";
import { environmentOf, ministack } from "../aws/ministack.ts";
import { missingPython } from "../aws/python.ts";
import { createBucket, createTables, deleteBucket, deleteTables, stackNamed } from "../aws/resources.ts";
import { entry } from "../contract/samples.ts";

const missing = process.env["CI"] ? undefined : missingPython();

/** Loses the answer to the next request of this name, after it was carried out. */
function loseNextAnswer(client: DynamoDBClient, command: string): { readonly lost: number; readonly sent: number } {
  const seen = { lost: 0, sent: 0 };
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const answer = await next(args);
      if (context.commandName !== command) return answer;
      seen.sent++;
      if (seen.lost > 0) return answer;
      seen.lost++;
      throw Object.assign(new Error("socket hang up"), { name: "TimeoutError", code: "ECONNRESET" });
    },
    { step: "deserialize", name: "lostAnswer", priority: "high" },
  );
  return seen;
}

/** Fails requests by a seed: some before they are sent, some after they were carried out. */
function troubled(client: DynamoDBClient, seed: number): void {
  let state = seed;
  const chance = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const trouble = (name: string) => Object.assign(new Error(name), { name, $fault: "server", $metadata: { httpStatusCode: 500 } });
  client.middlewareStack.add(
    (next) => async (args) => {
      if (chance() < 0.2) throw trouble("InternalServerError");
      const answer = await next(args);
      if (chance() < 0.3) throw trouble("TimeoutError");
      return answer;
    },
    { step: "deserialize", name: "trouble", priority: "high" },
  );
}

describe.skipIf(missing !== undefined)(`a log in a table${missing === undefined ? "" : ` (${missing})`}`, () => {
  let clients: AwsClients & { close(): void };
  let stack: StackResources;
  let ports: Ports;

  beforeAll(async () => {
    const server = await ministack();
    Object.assign(process.env, environmentOf(server));
    stack = stackNamed(`storage-${randomBytes(6).toString("hex")}`);
    clients = createClients({ region: stack.region, endpoint: server.endpoint });
    await createTables(clients, stack);
    await createBucket(clients, stack);
    ports = openAws({ stack, clients, role: "orchestrator" }).ports;
  });

  afterAll(async () => {
    await deleteTables(clients, stack);
    await deleteBucket(clients, stack);
    clients.close();
  });

  const noise = (bytes: number): string => randomBytes(bytes).toString("base64");
  async function fill(actor: string, count: number, bytes: number): Promise<readonly Entry[]> {
    const entries = Array.from({ length: count }, (_, i) => entry(actor, i + 1, { text: noise(bytes) }));
    for (const each of entries) expect(await ports.log.append(each)).toBe(true);
    return entries;
  }

  test("keeps entries above 300 KB in the bucket, beside small ones, and reads all of them", async () => {
    const large = entry("run:large", 2, { text: noise(600_000) });
    const entries = [entry("run:large", 1), large, entry("run:large", 3)];
    for (const each of entries) expect(await ports.log.append(each)).toBe(true);
    expect(await ports.log.read("run:large")).toEqual(entries);
    expect(await ports.log.append(entry("run:large", 4, { text: noise(700_000) }))).toBe(true);
    expect((await ports.log.tail("run:large"))?.n).toBe(4);
  });

  test("that is many megabytes long is read over its pages, whole and in parts", async () => {
    const entries = await fill("run:long", 40, 60_000);
    expect(await ports.log.read("run:long")).toEqual(entries);
    expect(await ports.log.read("run:long", 20, 39)).toEqual(entries.slice(19, 39));
  });

  test("takes an append whose answer was lost for what it is: the SDK asks again and is refused, and the stored nonce is ours", async () => {
    const own = createClients({ region: stack.region });
    try {
      const { log } = openAws({ stack, clients: own, role: "orchestrator" }).ports;
      const seen = loseNextAnswer(own.dynamodb, "PutItemCommand");
      const mine = entry("run:lost", 1, { nonce: "mine" });
      expect(await log.append(mine)).toBe(false);
      expect(seen).toEqual({ lost: 1, sent: 1 });
      expect((await log.read("run:lost", 1, 1))[0]?.nonce).toBe("mine");
      expect(await log.append(entry("run:lost", 2))).toBe(true);
    } finally {
      own.close();
    }
  });

  test("has one owner for each entry though two writers race and their requests fail before and after they are carried out", async () => {
    const writers = ["first", "second"].map((name, i) => {
      const own = createClients({ region: stack.region });
      troubled(own.dynamodb, 7 + i);
      return { name, own, log: openAws({ stack, clients: own, role: "orchestrator" }).ports.log };
    });
    const patiently = async <T>(ask: () => Promise<T>): Promise<T> => {
      for (;;) {
        try {
          return await ask();
        } catch (error) {
          // The SDK has tried often enough.
          expect(error).toMatchObject({ code: "WH3106" });
        }
      }
    };
    try {
      let regained = 0;
      let last = 0;
      // On until an append was refused that had succeeded.
      for (let n = 1; n <= 12 || regained === 0; n++) {
        last = n;
        // As the engine does (rule 8): what was refused is ours if it has our nonce.
        const won = await Promise.all(
          writers.map(async ({ name, log }) => {
            if (await patiently(() => log.append(entry("run:raced", n, { nonce: name })))) return true;
            const ours = (await patiently(() => log.read("run:raced", n, n)))[0]?.nonce === name;
            if (ours) regained++;
            return ours;
          }),
        );
        expect(won.filter(Boolean)).toHaveLength(1);
      }
      expect((await ports.log.read("run:raced")).map((each) => each.n)).toEqual(Array.from({ length: last }, (_, i) => i + 1));
    } finally {
      for (const { own } of writers) own.close();
    }
  });
});
