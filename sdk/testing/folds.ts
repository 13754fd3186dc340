/** Reads every log of a world a second time, as it grows: what its events fold to is what its states say, and what is not worth an entry changes nothing. */
import type { DeploymentState } from "../../engine/deployment.ts";
import type { ActorState, DeploymentEvent, Effect, Entry, LimitEvent, RunEvent } from "../../engine/events.ts";
import type { LimitState } from "../../engine/limit.ts";
import type { StartMessage } from "../../engine/messages.ts";
import type { RunState } from "../../engine/run-state.ts";
import { RunFold } from "./fold.ts";
import { differences, Places } from "./fold-state.ts";

export class Folds {
  readonly #fail: (violation: string) => void;
  readonly #runs = new Map<string, RunFold>();
  readonly #places = new Map<string, Places>();
  /** What `continueAsNew` hands on is in the message that starts the successor, and in none of its events. */
  readonly #inherited = new Map<string, StartMessage["inherits"]>();

  constructor(fail: (violation: string) => void) {
    this.#fail = fail;
  }

  appended({ actor, n, state, events, effects, ...rest }: Entry): void {
    for (const effect of effects)
      if (effect.do === "send" && effect.message.kind === "start" && effect.message.inherits) this.#inherited.set(effect.to, effect.message.inherits);
    const found =
      state.kind === "run" ? this.#run({ actor, n, state, events, effects, ...rest } as Entry<RunState, RunEvent>) : this.#place(actor, state, events);
    for (const difference of found) this.#fail(`entry ${n} of ${actor} (${events.map(({ type }) => type).join(", ")}): ${difference}`);
  }
  #run(entry: Entry<RunState, RunEvent>): readonly string[] {
    const { actor, state } = entry;
    const fold = this.#runs.get(actor) ?? new RunFold(actor, this.#inherited.get(actor));
    this.#runs.set(actor, fold);
    fold.entry(entry);
    return [...fold.problems.splice(0), ...differences(fold, state)];
  }
  #place(actor: string, state: LimitState | DeploymentState, events: Entry["events"]): readonly string[] {
    const places = this.#places.get(actor) ?? new Places();
    this.#places.set(actor, places);
    if (state.kind === "limit") {
      places.limit(events as readonly LimitEvent[]);
      const holders = state.perSeconds === undefined ? state.holders.map(({ request }) => request) : undefined;
      return places.differences(
        actor,
        holders,
        state.waiters.map(({ request }) => request),
      );
    }
    places.deployment(events as readonly DeploymentEvent[]);
    return places.differences(
      actor,
      state.active.map(({ run }) => run),
      state.queue.map(({ run }) => run),
    );
  }

  /** A step that appended nothing has changed nothing, and does no more than answer: what else it did would rest on a state that nobody will ever see (rule 17). */
  answered(actor: string, state: ActorState | null, effects: readonly Effect[], last: string | undefined): void {
    const other = effects.find((effect) => effect.do !== "send" && effect.do !== "startTimer" && !(effect.do === "timer" && LEASE.test(effect.id)));
    if (other) this.#fail(`a step of ${actor} without an entry had the effect ${JSON.stringify(other).slice(0, 200)}`);
    if (last === undefined || state === null || state.kind === "limit") return;
    const [before, after] = [JSON.stringify((JSON.parse(last) as Entry).state), JSON.stringify(state)];
    if (before !== after) this.#fail(`a step of ${actor} without an entry changed its state: ${changed(before, after)}`);
  }
}

/** A lease has the same timer as long as it lasts (rule 20). */
const LEASE = /^lease:/;

/** From where two texts differ. */
function changed(before: string, after: string): string {
  let at = 0;
  while (before[at] === after[at]) at++;
  const from = Math.max(0, at - 40);
  return `${before.slice(from, at + 80)} became ${after.slice(from, at + 80)}`;
}
