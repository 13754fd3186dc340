/** Results in the bucket, under the hash of their text: the same text is stored once, and twice is as good as once. */
import { createHash } from "node:crypto";
import { gunzip, gzip } from "node:zlib";
import { WindhoverError } from "../../engine/errors.ts";
import type { Results } from "../../engine/ports.ts";
import { answered, failure, isNamed } from "./failure.ts";
import type { Parts } from "./parts.ts";
import { DAY_MS } from "./table.ts";

const PREFIX = "results/";
/** A SHA-256 in base64url. */
const KEY = /^[\w-]{43}$/;
/**
 * The bucket forgets a result 430 days after it was put. What is still read, such as the parameters of a yearly schedule, is put again at this age, so that a year from then it is
 * still there. Unit: milliseconds.
 */
const RENEW_MS = 60 * DAY_MS;
/** Keys that this process is sure of. */
const REMEMBERED = 10_000;

const commands = () => import("./late/s3.ts");
const pack = (text: string): Promise<Buffer> => called((done) => gzip(text, done));
const unpack = (bytes: Uint8Array): Promise<Buffer> => called((done) => gunzip(bytes, done));
function called(work: (done: (error: Error | null, bytes: Buffer) => void) => void): Promise<Buffer> {
  return new Promise((resolve, reject) => work((error, bytes) => (error ? reject(error) : resolve(bytes))));
}

const stores = new WeakMap<object, Map<string, Results>>();

/** The results of a stack: all who use them over the same clients share what they know. */
export function createResults(parts: Pick<Parts, "stack" | "clients" | "clock">): Results {
  const { stack, clients } = parts;
  const known = stores.get(clients) ?? new Map<string, Results>();
  stores.set(clients, known);
  const results = known.get(stack.bucket) ?? createStore(parts);
  known.set(stack.bucket, results);
  return results;
}

function createStore({ stack, clients, clock }: Pick<Parts, "stack" | "clients" | "clock">): Results {
  const there = new Set<string>();
  const underWay = new Map<string, Promise<void>>();

  async function store(key: string, bytes: Uint8Array): Promise<void> {
    const object = { Bucket: stack.bucket, Key: PREFIX + key, Body: bytes, ContentType: "application/json", ContentEncoding: "gzip" };
    const { PutObjectCommand } = await commands();
    await answered(clients.s3.send(new PutObjectCommand(object)), `storing a result in ${stack.bucket}`);
    if (there.size >= REMEMBERED) there.clear();
    there.add(key);
  }

  return {
    async put(text) {
      const key = createHash("sha256").update(text).digest("base64url");
      if (there.has(key)) return key;
      let stored = underWay.get(key);
      if (stored === undefined) {
        stored = pack(text)
          .then((bytes) => store(key, bytes))
          .finally(() => underWay.delete(key));
        underWay.set(key, stored);
      }
      await stored;
      return key;
    },

    async get(key) {
      if (!KEY.test(key)) throw missing(key);
      const { bytes, age } = await read(key);
      // Whoever may only read leaves it to others.
      if (age > RENEW_MS && !there.has(key)) await store(key, bytes).catch(() => {});
      return (await unpack(bytes)).toString("utf8");
    },
  };

  async function read(key: string): Promise<{ readonly bytes: Uint8Array; readonly age: number }> {
    const { GetObjectCommand } = await commands();
    try {
      const { Body, LastModified } = await clients.s3.send(new GetObjectCommand({ Bucket: stack.bucket, Key: PREFIX + key }));
      if (Body === undefined) throw missing(key);
      return { bytes: await Body.transformToByteArray(), age: LastModified === undefined ? 0 : clock.now() - LastModified.getTime() };
    } catch (error) {
      throw isNamed(error, "NoSuchKey", "NotFound") ? missing(key, error) : failure(error, `reading result ${key} from ${stack.bucket}`);
    }
  }
}

const missing = (key: string, cause?: unknown): WindhoverError =>
  new WindhoverError("WH3007", { message: `No result lies under ${JSON.stringify(key)}.`, expected: "a key that `put` gave", got: key, cause });
