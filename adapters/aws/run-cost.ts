/**
 * What a run has cost, told from its log: nothing is counted while it runs, and nothing is kept beside the log. Its entries say which turns there were, what each wrote and sent, and
 * how long the author's code ran. A run pays for the messages that it receives, and for the turns of limits and deployments that it writes to; subflows are runs of their own.
 *
 * The log does not say how messages met: a poller is taken to bring ten at once where there are ten, and functions to be warm, so that no log is read again. Not in it: log
 * lines, what is kept (a month at a time), looking at the run, idle polling.
 */
import type { Cost, RunCost } from "../../engine/cost.ts";
import { DEFAULT_POOL } from "../../engine/effects.ts";
import type { ArtifactRow, Effect, Entry, RunEvent, RunRow } from "../../engine/events.ts";
import { LIMITS } from "../../engine/limits.ts";
import { parseActor } from "../../engine/messages.ts";
import { FIRST_LOOK_MS, PAUSE_MS } from "./aborts.ts";
import { RUNS_INDEXES, runItem } from "./index-rows.ts";
import { itemSize, readUnits, writeUnits } from "./item-size.ts";
import { LARGEST } from "./letters.ts";
import { LARGEST_ITEM } from "./log.ts";
import { queueRequests } from "./meter.ts";
import { COMPUTE, feesOf, pricedBy, type Service } from "./prices.ts";
import { refsOf, type Turn, turnsOf } from "./run-turns.ts";
import type { StackResources } from "./stack.ts";
import { expiry, type Item, KEEP_MS, packed, padded, text } from "./table.ts";
import { TableMeter } from "./table-meter.ts";
import { lengthOf, type TaskBatch, TaskBatches } from "./task-batches.ts";
import { LONGEST_DELAY_SECONDS } from "./timers.ts";
import { addUsage, USAGE_ITEMS, type Usage } from "./usage.ts";
import { HELD_SECONDS, RENEW_EVERY_MS } from "./visibility.ts";

/** What a stack's description has to tell. */
export type CostedStack = Pick<StackResources, "mailbox" | "pools" | "runsTable" | "orchestratorMemoryMb">;

/** Of a stack that was deployed before its description said it. */
const MEMORY_MB = 1024;
/** Messages of one batch. */
const BATCH = 10;
/** A message that says little. Unit: bytes. */
const SMALL = 200;

/** @example const { usd, services } = await runCost(await ports.log.read(runActor(run)), stack); */
export async function runCost(entries: readonly Entry[], stack: CostedStack): Promise<RunCost> {
  const bill = new Bill(stack);
  bill.asked((entries[0]?.events ?? []) as readonly RunEvent[]);
  for (const turn of turnsOf(entries)) bill.turn(turn);
  bill.timers(entries);
  const batches = new TaskBatches();
  for (const entry of entries) await batches.take(entry);
  for (const batch of batches.all) bill.tasks(batch);
  // What the log refers to was put, and read by somebody.
  bill.stored(refsOf(entries.map(({ events, effects }) => [events, effects])).size);
  return bill.sum();
}

class Bill {
  readonly #stack: CostedStack;
  readonly #rows: TableMeter;
  readonly #requests = new Map<Service, number>();
  #usage: Usage = {};
  #containerSeconds = 0;
  /** The entry that the next turn begins with. Unit: bytes. */
  #tail = 0;

  constructor(stack: CostedStack) {
    this.#stack = stack;
    this.#rows = new TableMeter({ [stack.runsTable]: RUNS_INDEXES }, true);
  }

  /** The schedule's tick that asked for it, and the turn of the deployment that took it. */
  asked(events: readonly RunEvent[]): void {
    const started = events.find((event) => event.type === "started");
    if (started?.deployment === undefined || started.scheduledTime === undefined || started.origin !== undefined) return;
    this.#add("scheduler", { "scheduler.invocations": 1 });
    this.#emptyTurn();
  }

  turn({ entries, messages, bytes, ms, inline }: Turn): void {
    const { url } = this.#stack.mailbox;
    const large = bytes / messages > LARGEST;
    const each = large ? SMALL : bytes / messages;
    if (large) this.stored(messages);
    for (let i = 0; i < messages; i++) this.#queue(url, each);
    for (let left = messages; left > 0; left -= BATCH) this.#brought(url, Math.min(BATCH, left) * each);
    this.#read(readUnits(this.#tail, true));
    if (inline) {
      this.#held(url, ms);
      this.#looks(looksWithin(ms - FIRST_LOOK_MS));
    }
    this.#compute(ms, this.#stack.orchestratorMemoryMb);
    for (const entry of entries) this.#written(entry);
    for (const row of rowsOf(entries)) this.#row(row);
    for (const entry of entries) for (const effect of entry.effects) this.#performed(effect);
  }

  /** A timer is a message on the default pool's queue, and after that one to the run, which is among those that its turns took, unless nobody waited for it any more. */
  timers(entries: readonly Entry[]): void {
    const until = entries.at(-1)?.at ?? 0;
    const deleted = new Set(entries.flatMap(({ effects }) => effects.flatMap((effect) => (effect.do === "untimer" ? [effect.id] : []))));
    for (const { at: setAt, effects } of entries)
      for (const effect of effects) {
        if (effect.do !== "timer") continue;
        const long = effect.at - setAt > LONGEST_DELAY_SECONDS * 1000;
        if (long && (deleted.has(effect.id) || effect.at > until)) continue; // Making and deleting a schedule costs nothing.
        if (long) {
          this.#add("scheduler", { "scheduler.invocations": 1 });
          this.#forwarded();
        }
        if (effect.at <= until || deleted.has(effect.id)) this.#forwarded();
        else this.#queue(this.#poolOf(DEFAULT_POOL)?.url ?? "", SMALL);
        if (deleted.has(effect.id)) this.#emptyTurn();
      }
  }

  tasks({ pool: name, sizes, again, claims, ran }: TaskBatch): void {
    const pool = this.#poolOf(name);
    if (!pool) return;
    this.stored(sizes.filter((size) => size > LARGEST).length);
    const bytes = sizes.reduce((sum, size) => sum + (size > LARGEST ? SMALL : size), 0);
    const ms = lengthOf(ran);
    this.#queue(pool.url, bytes);
    // They are deleted by the executor, before anything runs.
    if (again > 0) this.#queue(pool.url, 0);
    for (let i = 0; i < claims; i++) this.#write(1);
    if (pool.container) {
      this.#containerSeconds += ms / 1000;
      this.#queue(pool.url, bytes);
      this.#queue(pool.url, 0);
    } else {
      this.#brought(pool.url, bytes);
      this.#compute(ms, pool.memoryMb);
    }
    if (pool.timeoutSeconds > HELD_SECONDS) this.#held(pool.url, ms);
    this.#looks(1 + looksWithin(ms - PAUSE_MS.first));
  }

  /** Put into the bucket, and read by somebody. */
  stored(objects: number): void {
    if (objects > 0) this.#add("s3", { "s3.puts": objects, "s3.gets": objects }, 2 * objects);
  }

  sum(): RunCost {
    const fees = feesOf(this.#usage);
    const compute = pricedBy(COMPUTE, this.#usage);
    const gbSeconds = this.#usage["lambda.gbSeconds"] ?? 0;
    const costs = [...this.#requests].map(([service, requests]): readonly [string, Cost] => {
      const isLambda = service === "lambda";
      const usd = (fees[service] ?? 0) + (isLambda ? compute : 0);
      return [service, { requests, units: this.#units(service), gbSeconds: isLambda ? gbSeconds : 0, usd }];
    });
    costs.sort(([, a], [, b]) => b.usd - a.usd);
    const add = (of: (cost: Cost) => number): number => costs.reduce((sum, [, cost]) => sum + of(cost), 0);
    return {
      requests: add(({ requests }) => requests),
      units: add(({ units }) => units),
      gbSeconds,
      usd: add(({ usd }) => usd),
      services: Object.fromEntries(costs),
      ...(this.#containerSeconds > 0 && { containerSeconds: this.#containerSeconds }),
    };
  }
  #units(service: Service): number {
    const items = USAGE_ITEMS.filter((item) => item.startsWith(`${service}.`) && item !== "lambda.gbSeconds");
    return items.reduce((sum, item) => sum + (this.#usage[item] ?? 0), 0);
  }

  #add(service: Service, usage: Usage, requests = 1): void {
    this.#usage = addUsage(this.#usage, usage);
    this.#requests.set(service, (this.#requests.get(service) ?? 0) + requests);
  }
  #poolOf(name: string): StackResources["pools"][string] | undefined {
    return this.#stack.pools[name];
  }

  #written(entry: Entry): void {
    const z = packed(entry);
    const large = (z.B?.length ?? 0) > LARGEST_ITEM;
    if (large) this.stored(1);
    const item: Item = { pk: text(entry.actor), sk: text(padded(entry.n, 8)), ttl: expiry(entry.at + KEEP_MS), ...(!large && { z }) };
    this.#tail = itemSize(item);
    this.#write(writeUnits(this.#tail));
  }
  #row(row: RunRow): void {
    const put = { operation: "PutItem", input: { TableName: this.#stack.runsTable, Item: runItem(row, 0) }, output: {} };
    this.#write(this.#rows.amountOf({ service: "dynamodb", ...put })?.usage["dynamodb.writeUnits"] ?? 0);
  }
  #artifact(row: ArtifactRow): void {
    this.#write(writeUnits(itemSize({ pk: text(row.run), sk: text(row.id), z: packed(row), ttl: expiry(row.at) }) + SMALL));
  }

  #performed(effect: Effect): void {
    if (effect.do === "send" && parseActor(effect.to).kind !== "run") {
      this.#emptyTurn();
      this.#write(1);
    } else if (effect.do === "abort") this.#write(effect.calls === "all" ? 1 : effect.calls.length);
    else if (effect.do === "artifact") this.#artifact(effect.row);
    else if (effect.do === "emit") this.#add("events", { "events.custom": 1 });
  }

  #write(units: number): void {
    this.#add("dynamodb", { "dynamodb.writeUnits": units });
  }
  #read(units: number, requests = 1): void {
    this.#add("dynamodb", { "dynamodb.readUnits": units }, requests);
  }
  /** For abort marks. They need not be consistent. */
  #looks(times: number): void {
    if (times > 0) this.#read(times / 2, times);
  }
  #queue(url: string, bytes: number): void {
    this.#add("sqs", queueRequests(url, bytes));
  }
  /** A poller brings a batch to a function, and deletes it. */
  #brought(url: string, bytes: number): void {
    this.#queue(url, bytes);
    this.#add("lambda", { "lambda.requests": 1 });
    this.#queue(url, 0);
  }
  /** What is in hand is hidden for a minute at a time. */
  #held(url: string, ms: number): void {
    for (let at = 0; at <= ms; at += RENEW_EVERY_MS) this.#queue(url, 0);
  }
  #compute(ms: number, memoryMb = MEMORY_MB): void {
    this.#usage = addUsage(this.#usage, { "lambda.gbSeconds": (ms / 1000) * (memoryMb / 1024) });
  }
  /** A message to somebody who has next to nothing to do about it. */
  #emptyTurn(): void {
    const { url } = this.#stack.mailbox;
    this.#queue(url, SMALL);
    this.#brought(url, SMALL);
    this.#read(1);
  }
  /** By way of the default pool's queue. */
  #forwarded(): void {
    const pool = this.#poolOf(DEFAULT_POOL);
    if (!pool) return;
    this.#queue(pool.url, SMALL);
    this.#brought(pool.url, SMALL);
    if (pool.timeoutSeconds > HELD_SECONDS) this.#held(pool.url, 0);
  }
}

/** Rows are held back for a moment while a turn goes on (`engine/late-row.ts`). */
function rowsOf(entries: readonly Entry[]): readonly RunRow[] {
  const rows: RunRow[] = [];
  let held: { readonly row: RunRow; readonly since: number } | undefined;
  for (const { at, effects } of entries) {
    if (held && at - held.since >= LIMITS.lateRowMs) {
      rows.push(held.row);
      held = undefined;
    }
    const goesOn = effects.some((effect) => effect.do === "inline");
    for (const effect of effects) {
      if (effect.do !== "index") continue;
      if (!goesOn) rows.push(effect.row);
      held = goesOn ? { row: effect.row, since: held?.since ?? at } : undefined;
    }
  }
  return held ? [...rows, held.row] : rows;
}

/** How often somebody looks who looks now, and then more and more seldom. */
function looksWithin(ms: number): number {
  let looks = 0;
  for (let at = 0, pause: number = PAUSE_MS.first; at <= ms; at += pause, pause = Math.min(PAUSE_MS.last, pause * PAUSE_MS.growth)) looks++;
  return looks;
}
