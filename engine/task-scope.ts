/** What a task's code finds around it while an attempt of it runs. One is made for every attempt, so what few of them ask for is made when it is asked for. */
import { decode, encode, hash } from "./codec.ts";
import type { Interruption } from "./interruption.ts";
import { sayable } from "./log-line.ts";
import type { LogLevel, LogLine, Ports, RunFacts, TaskItem } from "./ports.ts";
import type { TaskScope, TaskServices } from "./scope.ts";
import { masked } from "./secrecy.ts";
import { stored } from "./spill.ts";

/** What an attempt knows of its run: its parameters are there, also where the log has only their key. */
export type ReadFacts = RunFacts & { readonly parameters: string };

export interface Surroundings {
  readonly host: {
    readonly ports: Pick<Ports, "clock" | "events" | "index" | "logs" | "registry" | "results" | "secrets">;
    readonly onLog?: (line: LogLine) => void;
  };
  readonly run: ReadFacts;
  readonly item: TaskItem;
  /** Log lines so far: their ids are counted over all items of a piece. */
  lines: number;
}

export class AttemptScope implements TaskScope {
  readonly kind = "task";
  readonly run: ReadFacts;
  /** The call's id, or the item's. */
  readonly call: string;
  readonly task: string;
  readonly attempt: number;
  readonly #around: Surroundings;
  readonly #interruption: Interruption;
  #parameters: { readonly value: unknown } | undefined;
  #services: TaskServices | undefined;

  constructor(around: Surroundings, id: string, interruption: Interruption) {
    const { run, item } = around;
    this.run = run;
    this.call = id;
    this.task = item.task;
    // A map is one call: its items count for themselves.
    this.attempt = item.piece ? (item.failures ?? 0) + 1 : item.attempt;
    this.#around = around;
    this.#interruption = interruption;
  }

  get parameters(): unknown {
    this.#parameters ??= { value: decode(this.run.parameters) };
    return this.#parameters.value;
  }
  get idempotencyKey(): string {
    return hash(`${this.run.runId}/${this.call}`);
  }
  get signal(): AbortSignal {
    return this.#interruption.signal;
  }
  now(): number {
    return this.#around.host.ports.clock.now();
  }
  log(level: LogLevel, message: string, fields?: object): void {
    const { host, run, item } = this.#around;
    const line: LogLine = {
      id: `${run.runId}/${this.call}/${this.attempt}/${this.#around.lines++}`,
      run: run.runId,
      call: item.call,
      at: this.now(),
      level,
      ...sayable(message, fields),
    };
    host.onLog?.(line);
    // A line that cannot be written is not worth the task, or the process.
    host.ports.logs.write([line]).catch(() => {});
  }
  heartbeat(progress?: number): void {
    if (progress !== undefined) this.services.artifact(`progress of ${this.call}`, "progress", Math.min(1, Math.max(0, progress))).catch(() => {});
  }
  get services(): TaskServices {
    this.#services ??= servicesOf(this.#around, this.call);
    return this.#services;
  }
}

function servicesOf({ host, run, item }: Surroundings, id: string): TaskServices {
  const { clock, index, events, registry, results, secrets } = host.ports;
  let emitted = 0;
  return {
    async artifact(name, kind, data) {
      const key = masked(name);
      const row = { id: `${run.runId}/${key}`, run: run.runId, call: item.call, key, kind, at: clock.now() };
      await index.putArtifact({ ...row, data: await stored(encode(data), results) });
    },
    async emit(type, detail) {
      const event = { id: `${run.runId}/${id}/${emitted++}`, type: masked(type), run: run.runId, at: clock.now() };
      await events.emit({ ...event, detail: await stored(encode(detail), results) });
    },
    async variable(name) {
      const found = await registry.get("variable", name);
      return found && { value: decode(typeof found.value === "string" ? found.value : await results.get(found.value.ref)) };
    },
    secret: (name) => secrets.get(name),
  };
}
