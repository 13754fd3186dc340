import { DynamoDBClient, GetItemCommand } from "@aws-sdk/client-dynamodb";
import { describe, expect, test } from "vitest";
import { failure, isConditionFailed, isNamed } from "../../adapters/aws/failure.ts";
import { WindhoverError } from "../../engine/errors.ts";
import { freePort } from "../aws/ministack.ts";
import { refusal } from "./parts.ts";

const MEANINGS = {
  WH3102: [
    "CredentialsProviderError",
    "ExpiredTokenException",
    "ExpiredToken",
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
  ],
  WH3103: ["AccessDeniedException", "AccessDenied", "com.amazonaws.sqs#AccessDenied"],
  WH3104: ["ResourceNotFoundException", "NoSuchBucket", "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"],
  WH3105: [
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
    "SlowDown",
    "RequestThrottled",
    "TooManyRequestsException",
    "KmsThrottled",
  ],
  WH3106: ["TimeoutError", "InternalServerError", "ServiceUnavailable", "ECONNRESET"],
  WH3107: ["ValidationException", "InvalidParameterException", "Error"],
} as const;

describe("an error of AWS", () => {
  for (const [code, names] of Object.entries(MEANINGS))
    test.each(names)(`%s is ${code}`, (name) => expect(failure(refusal(name), "appending")).toMatchObject({ name: "WindhoverError", code }));

  test("is told by its status where its name says nothing", () => {
    const of = (httpStatusCode: number): string => failure(refusal("Odd", { $metadata: { httpStatusCode } }), "appending").code;
    expect([of(403), of(429), of(500), of(503), of(400)]).toEqual(["WH3103", "WH3105", "WH3106", "WH3106", "WH3107"]);
  });

  test("says what was being done, what AWS said, and under which request", () => {
    const error = failure(refusal("AccessDeniedException"), "appending entry 3 to the log of run:a");
    expect(error.message).toBe("WH3103: While appending entry 3 to the log of run:a: It said AccessDeniedException.");
    expect(error.got).toBe("AccessDeniedException (request r-1)");
  });

  test("of ours stays as it is", () => {
    const ours = new WindhoverError("WH3005", { message: "a gap" });
    expect(failure(ours, "reading")).toBe(ours);
  });

  test("goes by its name or its code", () => {
    expect(isConditionFailed(refusal("ConditionalCheckFailedException"))).toBe(true);
    expect(isNamed({ name: "Error", Code: "NoSuchKey" }, "NoSuchKey")).toBe(true);
    for (const nothing of [undefined, null, "text", 5, {}]) expect(isNamed(nothing, "NoSuchKey")).toBe(false);
  });

  test("that nobody listens there is WH3106, that there are no credentials WH3102", async () => {
    const endpoint = `http://127.0.0.1:${await freePort()}`;
    const ask = (credentials: object) =>
      new DynamoDBClient({ region: "us-east-1", endpoint, maxAttempts: 1, ...credentials })
        .send(new GetItemCommand({ TableName: "t", Key: { pk: { S: "a" }, sk: { S: "b" } } }))
        .catch((error: unknown) => failure(error, "reading").code);
    expect(await ask({ credentials: { accessKeyId: "test", secretAccessKey: "test" } })).toBe("WH3106");
    expect(await ask({ credentials: () => Promise.reject(new Error("Could not load credentials from any providers")) })).toBe("WH3102");
  });
});
