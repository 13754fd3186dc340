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

/** Stands for every call: the id of a call ends in its number. */
const ALL = "*";
/** Items of one BatchWriteItem. */
const BATCH = 25;
/** How often what DynamoDB left unwritten is written again. */
const ATTEMPTS = 8;

/** How long a look that found nothing holds. Unit: milliseconds. */
const FRESH_MS = 1000;
/** The pause between two looks, at first and at last. Unit: milliseconds. */
const PAUSE_MS = { first: 1000, growth: 1.5, last: 5000 };
/** In the orchestrator the first look comes this late: inline steps of a millisecond are not to pay for it. Unit: milliseconds. */
const FIRST_LOOK_MS = 1000;
/** An actor that nobody has watched for so long begins anew, with a late first look. Unit: milliseconds. */
const IDLE_MS = 5000;
/** Actors that are remembered. */
const REMEMBERED = 1000;

interface Watch {
  readonly call: string;
  readonly aborted: () => void;
}

/** What this process knows of one actor. */
interface Watched {
  readonly marks: Set<string>;
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

export interface AwsAborts extends Aborts {
  /** No watch fires any more. */
  close(): void;
}

export function createAborts({ stack, clients, clock, role }: Pick<Parts, "stack" | "clients" | "clock" | "role">): AwsAborts {
  const { stateTable } = stack;
  const firstLookMs = role === "orchestrator" ? FIRST_LOOK_MS : 0;
  const actors = new Map<string, Watched>();
  let open = true;

  const isMarked = ({ marks }: Watched, call: string): boolean => marks.has(ALL) || marks.has(sortKey(call));

  const isFresh = ({ lookedAt }: Watched): boolean => clock.now() - lookedAt < FRESH_MS;

  function actorOf(name: string): Watched {
    let actor = actors.get(name);
    if (actor === undefined) {
      if (actors.size >= REMEMBERED) for (const [each, { watches, looking }] of actors) if (watches.size === 0 && !looking) actors.delete(each);
      actor = { marks: new Set(), watches: new Set(), lookedAt: Number.NEGATIVE_INFINITY, nextLookAt: 0, pauseMs: 0, idleSince: Number.NEGATIVE_INFINITY };
      actors.set(name, actor);
    }
    return actor;
  }

  /** Reads all marks of the actor; who comes while somebody reads waits for the same answer. Slightly stale is good enough: a watch looks again. */
  function look(name: string, actor: Watched): Promise<void> {
    const now = clock.now();
    actor.looking ??= items(clients.dynamodb, {
      TableName: stateTable,
      KeyConditionExpression: "pk = :actor",
      ExpressionAttributeValues: { ":actor": text(`abort/${name}`) },
      ProjectionExpression: "sk",
    })
      .then((found) => {
        for (const item of found) actor.marks.add(item["sk"]?.S as string);
        actor.lookedAt = now;
        fire(actor);
      })
      .finally(() => {
        delete actor.looking;
      });
    return actor.looking;
  }

  /** Not before whoever called us has gone on; and not if the watch was stopped meanwhile. */
  function fire(actor: Watched): void {
    for (const watch of actor.watches) if (isMarked(actor, watch.call)) queueMicrotask(() => open && stop(actor, watch) && watch.aborted());
  }

  function stop(actor: Watched, watch: Watch): boolean {
    if (!actor.watches.delete(watch)) return false;
    if (actor.watches.size === 0) {
      actor.idleSince = clock.now();
      actor.waiting?.abort();
      delete actor.waiting;
    }
    return true;
  }

  /** Looks when it is time, again and again while somebody watches. */
  function watchOver(name: string, actor: Watched): void {
    if (!open || actor.waiting !== undefined || actor.watches.size === 0) return;
    const waiting = new AbortController();
    actor.waiting = waiting;
    void clock.wait(Math.max(0, actor.nextLookAt - clock.now()), waiting.signal).then(async () => {
      if (waiting.signal.aborted) return;
      // Before the look: one that outlasts its watches is not made again at once for the next.
      actor.nextLookAt = clock.now() + actor.pauseMs;
      actor.pauseMs = Math.min(PAUSE_MS.last, actor.pauseMs * PAUSE_MS.growth);
      // A look that fails is made again: nobody waits for this one.
      if (!isFresh(actor)) await look(name, actor).catch(() => {});
      if (waiting.signal.aborted) return;
      delete actor.waiting;
      watchOver(name, actor);
    });
  }

  async function write(requests: readonly WriteRequest[]): Promise<void> {
    let left: readonly WriteRequest[] = requests;
    for (let attempt = 0; left.length > 0; attempt++) {
      if (attempt === ATTEMPTS) throw new WindhoverError("WH3105", { message: `While marking calls as aborted: ${stateTable} does not take them.` });
      if (attempt > 0) await clock.wait(25 * 2 ** attempt);
      const answer = await answered(
        clients.dynamodb.send(new BatchWriteItemCommand({ RequestItems: { [stateTable]: [...left] } })),
        "marking calls as aborted",
      );
      left = answer.UnprocessedItems?.[stateTable] ?? [];
    }
  }

  return {
    async mark(name, calls) {
      const marks = [...new Set(calls === "all" ? [ALL] : calls.map(sortKey))];
      const ttl = expiry(clock.now() + KEEP_MS);
      const requests = marks.map((mark) => ({ PutRequest: { Item: { pk: text(`abort/${name}`), sk: text(mark), ttl } } }));
      for (let i = 0; i < requests.length; i += BATCH) await write(requests.slice(i, i + BATCH));
      const actor = actors.get(name);
      if (actor === undefined) return;
      for (const mark of marks) actor.marks.add(mark);
      fire(actor);
    },

    async marked(name, call) {
      const actor = actorOf(name);
      if (!isMarked(actor, call) && !isFresh(actor)) await look(name, actor);
      return isMarked(actor, call);
    },

    watch(name, call, aborted) {
      if (!open) return () => {};
      const actor = actorOf(name);
      const now = clock.now();
      if (actor.watches.size === 0 && now - actor.idleSince > IDLE_MS) {
        actor.nextLookAt = now + firstLookMs;
        actor.pauseMs = PAUSE_MS.first;
      }
      const watch: Watch = { call, aborted };
      actor.watches.add(watch);
      if (isMarked(actor, call)) fire(actor);
      watchOver(name, actor);
      return () => void stop(actor, watch);
    },

    close() {
      open = false;
      for (const { waiting } of actors.values()) waiting?.abort();
      actors.clear();
    },
  };
}
