/** The task messages that a run has sent, told from its log: packed as the engine packs them, ten to a batch as SQS and its pollers take them. */
import { Book } from "../../engine/book.ts";
import { DEFAULT_POOL, factsOf, messageOf } from "../../engine/effects.ts";
import type { Effect, Entry, Payload, Piece, Ran, RunEvent } from "../../engine/events.ts";
import { indicesOf } from "../../engine/items.ts";
import { LIMITS } from "../../engine/limits.ts";
import { Packing } from "../../engine/packing.ts";
import type { TaskItem } from "../../engine/ports.ts";
import type { RunState } from "../../engine/run-state.ts";

export interface TaskBatch {
  readonly pool: string;
  /** Of each message. Unit: bytes. */
  readonly sizes: readonly number[];
  /** Sent again, because they came with others and are to run alone. */
  readonly again: number;
  /** Attempts that were claimed before they ran. */
  readonly claims: number;
  /** When its tasks ran: side by side, unless they came in different invocations. */
  readonly ran: Ran[];
}

interface SentMessage {
  readonly size: number;
  readonly keys: readonly string[];
  readonly alone: boolean;
  readonly claims: number;
}

/** What SQS takes, and gives, in one request. */
const BATCH = 10;
type TaskEffect = Extract<Effect, { readonly do: "task" }>;

/** Of a map's attempt its piece's, of any other the call's: the latest is the one that a report belongs to. */
const keyOf = (call: string, piece: number | undefined): string => (piece === undefined ? call : `${call}/${piece}`);

export class TaskBatches {
  readonly all: TaskBatch[] = [];
  readonly #book = new Book();
  readonly #under = new Map<string, TaskBatch>();

  async take(entry: Entry): Promise<void> {
    for (const event of entry.events as readonly RunEvent[]) {
      this.#book.note(event);
      if (event.type === "settled" && event.ran) this.#under.get(event.call)?.ran.push(event.ran);
      if (event.type === "failed" && event.ran) this.#under.get(keyOf(event.call, event.piece))?.ran.push(event.ran);
      if (event.type === "items" && event.ran) this.#under.get(keyOf(event.call, event.piece.id))?.ran.push(event.ran);
    }
    for (const effect of entry.effects) if (effect.do === "inline") this.#under.delete(effect.call);
    const tasks = entry.effects.filter((effect) => effect.do === "task");
    if (tasks.length > 0) await this.#send(entry, tasks);
  }

  async #send({ actor, n, state }: Entry, effects: readonly TaskEffect[]): Promise<void> {
    const run = factsOf(actor, this.#book);
    const sent = new Map<string, SentMessage[]>();
    const keysOf = (those: readonly TaskEffect[]) => new Set(those.map(({ call, piece }) => keyOf(call, piece?.id)));
    const isolated = keysOf(effects.filter(({ alone }) => alone));
    const claimed = keysOf(effects.filter(({ claim }) => claim));
    const packing = new Packing(effects.length, async (pool, tasks) => {
      const columns = tasks.reduce((sum, { call, piece }) => sum + (piece ? this.#columnBytes(call, piece, state as RunState | null) : 0), 0);
      const size = Buffer.byteLength(JSON.stringify(messageOf(actor, run, n, tasks))) + columns;
      const messages = sent.get(pool) ?? [];
      sent.set(pool, messages);
      const keys = tasks.map(({ call, piece }) => keyOf(call, piece?.id));
      messages.push({ size, keys, alone: keys.some((key) => isolated.has(key)), claims: keys.filter((key) => claimed.has(key)).length });
    });
    for (const effect of effects) {
      const item = this.#itemOf(effect);
      const long = (this.#book.took(item.task) ?? 0) > LIMITS.packedMs;
      packing.add(effect.pool ?? DEFAULT_POOL, item, effect.alone === true || (long && !item.piece));
    }
    await packing.finish();
    for (const [pool, messages] of sent) {
      this.#bring(
        pool,
        messages.filter(({ alone }) => !alone),
      );
      // Of those that run alone a batch runs one, and sends the others again.
      for (let left = messages.filter(({ alone }) => alone); left.length > 0; ) left = this.#bring(pool, left);
    }
  }

  /** Those that are sent again. */
  #bring(pool: string, messages: readonly SentMessage[]): SentMessage[] {
    const left: SentMessage[] = [];
    for (let i = 0; i < messages.length; i += BATCH) {
      const few = messages.slice(i, i + BATCH);
      const again = few.slice(1).filter(({ alone }) => alone);
      const run = few.filter((one) => !again.includes(one));
      const claims = run.reduce((sum, one) => sum + one.claims, 0);
      const batch: TaskBatch = { pool, sizes: few.map(({ size }) => size), again: again.length, claims, ran: [] };
      this.all.push(batch);
      left.push(...again);
      for (const one of run) for (const key of one.keys) this.#under.set(key, batch);
    }
    return left;
  }

  #itemOf({ call, attempt, piece }: TaskEffect): TaskItem {
    const { name = call, task = name, args, deps = [], timeoutSeconds, tags } = this.#book.calls.get(call)?.called ?? {};
    const known = { timeoutSeconds, tags, piece, ...(!piece && { args, deps: Object.fromEntries(deps.map((dep) => [dep, this.#resultOf(dep)])) }) };
    return { call, attempt, task, ...(JSON.parse(JSON.stringify(known)) as object) };
  }
  #resultOf(call: string): Payload | undefined {
    const settled = this.#book.calls.get(call)?.settled;
    return settled?.ok ? settled.value : undefined;
  }

  /** A piece's rows are cut from the map's columns: its share of them, and the brackets of each row. */
  #columnBytes(call: string, piece: Piece, state: RunState | null): number {
    const { args, deps = [], follows = [], items } = this.#book.calls.get(call)?.called ?? {};
    const total = items ?? state?.open[call]?.map?.total ?? piece.to;
    const chars = [args, ...deps.map((dep) => this.#resultOf(dep)), ...follows.flatMap((map) => this.#book.calls.get(map)?.items?.map(({ value }) => value))];
    const share = chars.reduce((sum: number, payload) => sum + charsOf(payload), 0) / Math.max(1, total);
    return Math.ceil(indicesOf(piece).length * (share + 2));
  }
}

const charsOf = (payload: Payload | undefined): number => (payload === undefined ? 0 : typeof payload === "string" ? payload.length : payload.chars);

/** How long at least one of them went on. Unit: milliseconds. */
export function lengthOf(intervals: readonly Ran[]): number {
  let [sum, end] = [0, Number.NEGATIVE_INFINITY];
  for (const [from, to] of [...intervals].sort(([a], [b]) => a - b)) {
    sum += Math.max(0, to - Math.max(from, end));
    end = Math.max(end, to);
  }
  return sum;
}
