import { gunzipSync, gzipSync } from "node:zlib";
import { GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { mockClient } from "aws-sdk-client-mock";
import { afterEach, describe, expect, test } from "vitest";
import { createResults } from "../../adapters/aws/results.ts";
import { NOON } from "../contract/samples.ts";
import { partsOf, refusal } from "./parts.ts";

const bucket = mockClient(S3Client);
afterEach(() => void bucket.reset());
const puts = () => bucket.commandCalls(PutObjectCommand).map((call) => call.args[0].input);

describe("a result", () => {
  test("is put under the hash of its text, compressed, as a file that any program reads", async () => {
    const key = await createResults(partsOf()).put("żółć");
    const { Body, ...rest } = puts()[0] ?? {};
    expect(rest).toEqual({ Bucket: "flows-bucket", Key: `results/${key}`, ContentType: "application/json", ContentEncoding: "gzip" });
    expect(gunzipSync(Body as Uint8Array).toString()).toBe("żółć");
  });

  test("that this process has put, or is putting, is not put again, whichever port asks", async () => {
    const parts = partsOf();
    const keys = await Promise.all([createResults(parts).put("same"), createResults(parts).put("same")]);
    keys.push(await createResults(parts).put("same"));
    expect(new Set(keys).size).toBe(1);
    expect(puts()).toHaveLength(1);
    await createResults(partsOf()).put("same");
    expect(puts()).toHaveLength(2);
  });

  test("whose put failed is put again", async () => {
    bucket.on(PutObjectCommand).rejectsOnce(refusal("SlowDown")).resolves({});
    const results = createResults(partsOf());
    await expect(results.put("text")).rejects.toMatchObject({ code: "WH3105" });
    await results.put("text");
    expect(puts()).toHaveLength(2);
  });

  test("that is missing is WH3007, and what is no key is not even asked for", async () => {
    bucket.on(GetObjectCommand).rejects(refusal("NoSuchKey"));
    const results = createResults(partsOf());
    await expect(results.get("x".repeat(43))).rejects.toMatchObject({ code: "WH3007" });
    for (const key of ["", "nothing", "../../secrets", "x".repeat(44)]) await expect(results.get(key)).rejects.toMatchObject({ code: "WH3007" });
    expect(bucket.commandCalls(GetObjectCommand)).toHaveLength(1);
  });

  test("that is old and still read is put again, so that the bucket does not forget it; a young one is not, nor by who may not write", async () => {
    const text = JSON.stringify({ rows: [1, 2, 3] });
    const aged = (days: number) => ({ Body: { transformToByteArray: async () => gzipSync(text) } as never, LastModified: new Date(NOON - days * 86_400_000) });
    const key = await createResults(partsOf()).put(text);
    const stored = puts()[0];
    bucket.reset();
    bucket.on(GetObjectCommand).resolves(aged(59));
    expect(await createResults(partsOf()).get(key)).toBe(text);
    expect(puts()).toHaveLength(0);
    bucket.on(GetObjectCommand).resolves(aged(61));
    const results = createResults(partsOf());
    expect(await results.get(key)).toBe(text);
    expect(await results.get(key)).toBe(text);
    expect(puts()).toEqual([stored]);
    bucket.on(PutObjectCommand).rejects(refusal("AccessDenied"));
    expect(await createResults(partsOf()).get(key)).toBe(text);
  });

  test("that may not be read is another error than one that is missing", async () => {
    bucket.on(GetObjectCommand).rejects(refusal("AccessDenied"));
    await expect(createResults(partsOf()).get("x".repeat(43))).rejects.toMatchObject({ code: "WH3103" });
  });
});
