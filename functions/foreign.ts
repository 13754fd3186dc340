/** What lies in a queue of ours and is not ours is kept in the bucket, where a person can look at it, and does not block what comes after it. */
import type { FunctionHost } from "./host.ts";
import { errorFields, note } from "./note.ts";

export interface ForeignMessage {
  readonly queue: string;
  readonly messageId: string;
  readonly body: string;
  /** Unit: milliseconds since 1970. */
  readonly sentAt: number;
}

/** Resolves when it is safe to delete the message. */
export async function keepForeign(
  { clients, stack, ports }: Pick<FunctionHost, "clients" | "stack" | "ports">,
  message: ForeignMessage,
  why: unknown,
): Promise<void> {
  const key = `dead-letters/${message.queue.split(/[:/]/).at(-1)}/${message.messageId}.json`;
  const Body = JSON.stringify({ ...message, keptAt: ports.clock.now(), why: why instanceof Error ? why.message : String(why) });
  const { PutObjectCommand } = await import("../adapters/aws/late/s3.ts");
  await clients.s3.send(new PutObjectCommand({ Bucket: stack.bucket, Key: key, Body, ContentType: "application/json" }));
  note("WARN", "a message that is not ours was kept in the bucket", { key, queue: message.queue, ...errorFields(why) });
}
