/**
 * Other code takes over while turns are under way. A turn that waits for a task of its own has the flow's old code in hand: when the task ends, the run goes on from its log on the new
 * code, and what it then calls goes to the queue, so that its turn ends too.
 */
import { Code, type FlowDefinition, type InputDefinition, type TaskDefinition } from "../../engine/definition.ts";
import type { Instance } from "../../engine/instance.ts";
import type { Living } from "../../engine/run-draft.ts";
import { Warm } from "../../engine/warm.ts";

/** Runs that are kept with the code of one loading: once that is over, none of them goes on with it, not even those that a turn has taken out. */
export class WarmUntilOver extends Warm {
  #over = false;
  get over(): boolean {
    return this.#over;
  }
  end(): void {
    this.#over = true;
    this.clear();
  }
  override hold(living: Living): Living | null {
    const held = super.hold(living);
    return held && new Held(held, this);
  }
  override keep(actor: string, living: Living): void {
    if (!this.#over) super.keep(actor, living);
  }
}

/** What a turn holds between two of its entries. */
class Held implements Living {
  readonly book: Living["book"];
  n: number;
  nonce: string;
  readonly #instance: Instance | null;
  readonly #warm: WarmUntilOver;
  constructor({ book, instance, n, nonce }: Living, warm: WarmUntilOver) {
    this.book = book;
    this.n = n;
    this.nonce = nonce;
    this.#instance = instance;
    this.#warm = warm;
  }
  get instance(): Instance | null {
    if (!this.#warm.over) return this.#instance;
    this.#instance?.drop();
    return null;
  }
}

/** The new code, and of the old what is not in it any more: a turn that is under way can be ended. */
export class Succession extends Code {
  readonly #before: Code;
  readonly #after: Code;
  constructor(before: Code, after: Code) {
    super();
    this.#before = before;
    this.#after = after;
    for (const { flows, tasks, inputs } of [before, after]) {
      add<FlowDefinition>(flows, this.flows);
      add<TaskDefinition>(tasks, this.tasks);
      add<InputDefinition>(inputs, this.inputs);
    }
  }
  override task(name: string, variant?: number): TaskDefinition | undefined {
    return this.#after.task(name, variant) ?? this.#before.task(name, variant);
  }
}

function add<T>(from: ReadonlyMap<string, T>, to: Map<string, T>): void {
  for (const [name, definition] of from) to.set(name, definition);
}
