/** Results that are used again: by the author's key, or by the inputs. Only successes are kept. The look-up happens where the task would run, so a hit costs no run of its code. */
import { canonical, hash } from "./codec.ts";
import type { TaskDefinition } from "./definition.ts";
import type { Payload } from "./events.ts";
import type { Clock, Registry } from "./ports.ts";

export class Cache {
  readonly #registry: Registry;
  readonly #clock: Clock;
  constructor(registry: Registry, clock: Clock) {
    this.#registry = registry;
    this.#clock = clock;
  }

  /** Undefined for a task without a cache. The key is the task's own: equal keys of two tasks do not meet. */
  keyFor(task: TaskDefinition, args: readonly unknown[]): string | undefined {
    const { cacheKey } = task;
    if (cacheKey === undefined) return undefined;
    const key = cacheKey === "inputs" ? canonical(args) : cacheKey(...(args as never[]));
    return `${task.name}/${hash(`${cacheKey === "inputs" ? "inputs" : "key"}/${task.version ?? ""}/${key}`)}`;
  }
  async get(task: TaskDefinition, key: string): Promise<Payload | undefined> {
    if (task.refreshCache) return undefined;
    const found = await this.#registry.get("cache", key);
    if (!found || (found.expiresAt !== undefined && found.expiresAt <= this.#clock.now())) return undefined;
    return found.value;
  }
  /** A key that cannot be made keeps nobody from taking the result back. */
  async forget(task: TaskDefinition, args: unknown): Promise<void> {
    let key: string | undefined;
    try {
      key = this.keyFor(task, args as readonly unknown[]);
    } catch {
      return;
    }
    if (key !== undefined) await this.#registry.put("cache", key, null);
  }
  async put(task: TaskDefinition, key: string, value: Payload): Promise<void> {
    const now = this.#clock.now();
    await this.#registry.put("cache", key, {
      value,
      updatedAt: now,
      ...(task.cacheExpirationSeconds !== undefined && { expiresAt: now + task.cacheExpirationSeconds * 1000 }),
    });
  }
}
