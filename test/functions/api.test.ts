import { createHmac } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import * as z from "zod";
import { decode } from "../../engine/codec.ts";
import { shared } from "../../engine/scope.ts";
import { apiOf } from "../../functions/api.ts";
import { flow, onWebhook } from "../../sdk/index.ts";
import { World } from "./world.ts";

beforeEach(() => void vi.spyOn(process.stdout, "write").mockReturnValue(true));
afterEach(() => {
  vi.restoreAllMocks();
  shared.code.clear();
});

type Event = Parameters<ReturnType<typeof apiOf>>[0];

/** A request as API Gateway's HTTP API sends it (payload format 2.0). */
function request(method: string, path: string, body?: string, headers: Record<string, string> = {}): Event {
  return {
    version: "2.0",
    routeKey: "$default",
    rawPath: path,
    rawQueryString: "",
    headers: { host: "abc.execute-api.eu-west-1.amazonaws.com", "content-type": "application/json", ...headers },
    requestContext: {
      accountId: "1",
      apiId: "abc",
      // As an emulator calls itself: no URL can have this name.
      domainName: "abc.execute-api.127.0.0.1",
      domainPrefix: "abc",
      http: { method, path, protocol: "HTTP/1.1", sourceIp: "1.2.3.4", userAgent: "me" },
      requestId: "r",
      routeKey: "$default",
      stage: "$default",
      time: "now",
      timeEpoch: 0,
      authentication: null,
      authorizer: {},
    },
    ...(body !== undefined && { body }),
    isBase64Encoded: false,
  } as unknown as Event;
}
type Answer = { readonly statusCode: number; readonly body: string };

describe("the API in a function", () => {
  function open() {
    const pay = flow({ name: "pay", parameters: z.object({ order: z.string() }) }, async ({ order }) => order);
    const paid = pay.deployment({ name: "paid", triggers: [onWebhook({ path: "paid", secret: "s3cret" })] });
    const world = new World({ modules: [{ paid }] });
    const handler = apiOf(world.fn);
    const ask = async (...args: Parameters<typeof request>) => (await handler(request(...args))) as Answer;
    return { world, ask };
  }

  test("a webhook answers 202 with the run's id; the same Idempotency-Key is the same run", async () => {
    const { world, ask } = open();
    const headers = { authorization: "Bearer s3cret", "idempotency-key": "k-1" };
    const first = await ask("POST", "/hooks/paid", '{"order":"o-7"}', headers);
    const again = await ask("POST", "/hooks/paid", '{"order":"o-7"}', headers);
    expect([first.statusCode, again.statusCode]).toEqual([202, 202]);
    const { id } = JSON.parse(first.body) as { id: string };
    expect(JSON.parse(again.body)).toMatchObject({ id });
    await world.pump();
    expect(decode((await world.state(id)).result as string)).toBe("o-7");
    expect(await world.runs("pay")).toHaveLength(1);
  });

  test("a signed webhook is taken, a wrong signature is refused, and so is more than a megabyte", async () => {
    const { ask } = open();
    const body = '{"order":"o-7"}';
    const signature = (secret: string) => ({ "x-hub-signature-256": `sha256=${createHmac("sha256", secret).update(body).digest("hex")}` });
    expect((await ask("POST", "/hooks/paid", body, signature("s3cret"))).statusCode).toBe(202);
    expect((await ask("POST", "/hooks/paid", body, signature("other"))).statusCode).toBe(401);
    expect((await ask("POST", "/hooks/paid", body)).statusCode).toBe(401);
    expect((await ask("POST", "/hooks/paid", "x".repeat(1024 * 1024 + 1), signature("s3cret"))).statusCode).toBe(413);
  });

  test("runs are listed under the stack's own address", async () => {
    const { world, ask } = open();
    await ask("POST", "/hooks/paid", '{"order":"o-7"}', { authorization: "Bearer s3cret" });
    await world.pump();
    const { statusCode, body } = await ask("GET", "/api/runs");
    expect(statusCode).toBe(200);
    expect(JSON.parse(body)).toMatchObject({ runs: [{ flow: "pay", deployment: "paid", state: { type: "COMPLETED" } }] });
  });
});
