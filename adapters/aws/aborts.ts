/**
 * Abort marks in the state table, and the watches of this process. Whatever the number of watches, an actor is looked at by one query at a time, and a look that found no mark
 * holds for a second: a packed message of a hundred tasks asks once.
 */
import { BatchWriteItemCommand, type WriteRequest } from "@aws-sdk/client-dynamodb";
import { WindhoverError } from "../../engine/errors.ts";
import type { Aborts } from "../../engine/ports.ts";
import { answered } from "./failure.ts";
import type { Parts } from "./parts.ts";
import { expiry, items, KEEP_MS, sortKey, text } from "./table.ts";

/** Stands for every call. No call is called so: a call's id ends in its number or its key. */
const ALL = "*";
/** Items of one BatchWriteItem. */
const BATCH = 25;
/** How often what DynamoDB left unwritten is written again. */
const ATTEMPTS = 8;

/** How long a look that found nothing holds. Unit: milliseconds. */
const FRESH_MS = 1000;
/** The pause between two looks, at first and at last. Unit: milliseconds. */
export const PAUSE_MS = { first: 1000, growth: 1.5, last: 5000 };
/** In the orchestrator the first look comes this late: inline steps of a millisecond are not to pay for it. Unit: milliseconds. */
export const FIRST_LOOK_MS = 1000;
/** An actor that nobody has watched for so long begins anew, with a late first look. Unit: milliseconds. */
const IDLE_MS = 5000;
/** An eventually consistent read shows what was written so long ago. Unit: milliseconds. */
const SETTLED_MS = 10_000;
/** Actors that are remembered. */
const REMEMBERED = 1000;

interface Watch {
  readonly call: string;
  readonly aborted: () => void;
}

/** What this process knows of one actor. */
interface Watched {
  readonly name: string;
  /** Each with when this process set it, if it was this process. */
  readonly marks: Map<string, number | undefined>;
  readonly watches: Set<Watch>;
  looking?: Promise<void>;
  /** When the last look that was answered began. */
  lookedAt: number;
  nextLookAt: number;
  pauseMs: number;
  /** When its last watch ended. */
  idleSince: number;
  /** Calls off the wait for the next look. */
  waiting?: AbortController;
}

type AbortParts = Pick<Parts, "stack" | "clients" | "clock" | "role">;

/** After `close` nothing is asked any more, and no watch fires. */
export const createAborts = (parts: AbortParts): Aborts & { close(): void } => new AwsAborts(parts);

class AwsAborts implements Aborts {
  readonly #parts: AbortParts;
  readonly #firstLookMs: number;
  readonly #actors = new Map<string, Watched>();
  #open = true;

  constructor(parts: AbortParts) {
    this.#parts = parts;
    this.#firstLookMs = parts.role === "orchestrator" ? FIRST_LOOK_MS : 0;
  }

  async mark(name: string, calls: readonly string[] | "all"): Promise<void> {
    this.#check("mark");
    const marks = [...new Set(calls === "all" ? [ALL] : calls.map(sortKey))];
    const ttl = expiry(this.#parts.clock.now() + KEEP_MS);
    const requests = marks.map((mark) => ({ PutRequest: { Item: { pk: text(partitionOf(name)), sk: text(mark), ttl } } }));
    for (let i = 0; i < requests.length; i += BATCH) await this.#write(requests.slice(i, i + BATCH));
    const actor = this.#actors.get(name);
    if (actor === undefined) return;
    for (const mark of marks) actor.marks.set(mark, this.#parts.clock.now());
    this.#fire(actor);
  }

  async unmark(name: string, calls: readonly string[]): Promise<void> {
    this.#check("unmark");
    const marks = [...new Set(calls.map(sortKey))];
    const requests = marks.map((mark) => ({ DeleteRequest: { Key: { pk: text(partitionOf(name)), sk: text(mark) } } }));
    for (let i = 0; i < requests.length; i += BATCH) await this.#write(requests.slice(i, i + BATCH));
    for (const mark of marks) this.#actors.get(name)?.marks.delete(mark);
  }

  async marked(name: string, call: string): Promise<boolean> {
    this.#check("marked");
    const actor = this.#actor(name);
    if (!isMarked(actor, call) && !this.#isFresh(actor)) await this.#look(actor);
    return isMarked(actor, call);
  }

  watch(name: string, call: string, aborted: () => void): () => void {
    if (!this.#open) return () => {};
    const actor = this.#actor(name);
    const now = this.#parts.clock.now();
    if (actor.watches.size === 0 && now - actor.idleSince > IDLE_MS) {
      actor.nextLookAt = now + this.#firstLookMs;
      actor.pauseMs = PAUSE_MS.first;
    }
    const watch: Watch = { call, aborted };
    actor.watches.add(watch);
    if (isMarked(actor, call)) this.#fire(actor);
    this.#watchOver(actor);
    return () => void this.#stop(actor, watch);
  }

  close(): void {
    this.#open = false;
    for (const { waiting } of this.#actors.values()) waiting?.abort();
    this.#actors.clear();
  }

  #check(method: string): void {
    if (!this.#open) throw new WindhoverError("WH3008", { message: `\`${method}\` was called after the backend was closed.` });
  }

  #actor(name: string): Watched {
    const known = this.#actors.get(name);
    if (known !== undefined) return known;
    if (this.#actors.size >= REMEMBERED) for (const [each, { watches, looking }] of this.#actors) if (watches.size === 0 && !looking) this.#actors.delete(each);
    const never = Number.NEGATIVE_INFINITY;
    const actor: Watched = { name, marks: new Map(), watches: new Set(), lookedAt: never, nextLookAt: 0, pauseMs: 0, idleSince: never };
    this.#actors.set(name, actor);
    return actor;
  }

  #isFresh({ lookedAt }: Watched): boolean {
    return this.#parts.clock.now() - lookedAt < FRESH_MS;
  }

  /** Reads all marks of the actor; who comes while somebody reads waits for the same answer. Slightly stale is good enough: a watch looks again. */
  #look(actor: Watched): Promise<void> {
    actor.looking ??= this.#read(actor).finally(() => {
      delete actor.looking;
    });
    return actor.looking;
  }

  async #read(actor: Watched): Promise<void> {
    const now = this.#parts.clock.now();
    const found = await items(this.#parts.clients.dynamodb, {
      TableName: this.#parts.stack.stateTable,
      KeyConditionExpression: "pk = :actor",
      ExpressionAttributeValues: { ":actor": text(partitionOf(actor.name)) },
      ProjectionExpression: "sk",
    });
    // What is not found was taken back, or was set here so lately that a read need not show it yet.
    for (const [mark, setAt] of actor.marks) if (setAt === undefined || now - setAt > SETTLED_MS) actor.marks.delete(mark);
    for (const item of found) actor.marks.set(item["sk"]?.S as string, undefined);
    actor.lookedAt = now;
    this.#fire(actor);
  }

  /** Not before whoever called us has gone on; and not if the watch was stopped meanwhile. */
  #fire(actor: Watched): void {
    for (const watch of actor.watches) if (isMarked(actor, watch.call)) queueMicrotask(() => this.#open && this.#stop(actor, watch) && watch.aborted());
  }

  #stop(actor: Watched, watch: Watch): boolean {
    if (!actor.watches.delete(watch)) return false;
    if (actor.watches.size === 0) {
      actor.idleSince = this.#parts.clock.now();
      actor.waiting?.abort();
      delete actor.waiting;
    }
    return true;
  }

  /** Looks when it is time, again and again while somebody watches. */
  #watchOver(actor: Watched): void {
    if (!this.#open || actor.waiting !== undefined || actor.watches.size === 0) return;
    const { clock } = this.#parts;
    const waiting = new AbortController();
    actor.waiting = waiting;
    void clock.wait(Math.max(0, actor.nextLookAt - clock.now()), waiting.signal).then(async () => {
      if (waiting.signal.aborted) return;
      // Before the look: one that outlasts its watches is not made again at once for the next.
      actor.nextLookAt = clock.now() + actor.pauseMs;
      actor.pauseMs = Math.min(PAUSE_MS.last, actor.pauseMs * PAUSE_MS.growth);
      // A look that fails is made again: nobody waits for this one.
      if (!this.#isFresh(actor)) await this.#look(actor).catch(() => {});
      if (waiting.signal.aborted) return;
      delete actor.waiting;
      this.#watchOver(actor);
    });
  }

  async #write(requests: readonly WriteRequest[]): Promise<void> {
    const { stack, clients, clock } = this.#parts;
    let left: readonly WriteRequest[] = requests;
    for (let attempt = 0; left.length > 0; attempt++) {
      if (attempt === ATTEMPTS) throw new WindhoverError("WH3105", { message: `While writing abort marks: ${stack.stateTable} does not take them.` });
      if (attempt > 0) await clock.wait(25 * 2 ** attempt);
      const write = new BatchWriteItemCommand({ RequestItems: { [stack.stateTable]: [...left] } });
      left = (await answered(clients.dynamodb.send(write), "writing abort marks")).UnprocessedItems?.[stack.stateTable] ?? [];
    }
  }
}

const partitionOf = (actor: string): string => `abort/${actor}`;
const isMarked = ({ marks }: Watched, call: string): boolean => marks.has(ALL) || marks.has(sortKey(call));
