/** Packs the tasks of one turn into messages: few go one by one, so that each may run in a process of its own; many are packed, so that each costs little. */

import { LIMITS } from "./limits.ts";
import { sizeOf } from "./piece.ts";
import type { TaskItem } from "./ports.ts";

interface Pack {
  readonly tasks: TaskItem[];
  items: number;
}

export class Packing {
  readonly #most: number;
  readonly #send: (pool: string, tasks: readonly TaskItem[]) => Promise<void>;
  readonly #open = new Map<string, Pack>();
  readonly #sent: Promise<void>[] = [];

  /** `tasks`: how many there will be. */
  constructor(tasks: number, send: (pool: string, tasks: readonly TaskItem[]) => Promise<void>) {
    this.#most = Math.max(1, Math.min(LIMITS.packedTasks, Math.ceil(tasks / 10)));
    this.#send = send;
  }

  /** A task that was in a process that died, that may run at most once, or that is expected to take long, travels alone. */
  add(pool: string, task: TaskItem, alone: boolean): void {
    if (alone) return void this.#sent.push(this.#send(pool, [task]));
    const items = task.piece ? sizeOf(task.piece) : 1;
    const pack = this.#open.get(pool) ?? { tasks: [], items: 0 };
    if (pack.tasks.length > 0 && pack.items + items > LIMITS.packedItems) this.#close(pool, pack);
    const open = this.#open.get(pool) ?? { tasks: [], items: 0 };
    this.#open.set(pool, open);
    open.tasks.push(task);
    open.items += items;
    if (open.tasks.length >= this.#most) this.#close(pool, open);
  }
  #close(pool: string, { tasks }: Pack): void {
    this.#open.delete(pool);
    this.#sent.push(this.#send(pool, tasks));
  }

  async finish(): Promise<void> {
    for (const [pool, pack] of [...this.#open]) this.#close(pool, pack);
    await Promise.all(this.#sent);
  }
}
