/**
 * Rule 23, asked after every step of the simulated scheduler: an open run has an undeleted message, or something outside that will send one. Where its mailbox is empty this is
 * asked of each of its open calls, because one call's timer is no comfort to another: a task has its message in a queue or in an executor's hands, a sleep its timer, a child
 * its own progress, a slot a limit that knows of the request and is going to be asked again. An input and a pause have a client.
 */
import type { DeploymentState } from "../../engine/deployment.ts";
import type { Entry, Piece } from "../../engine/events.ts";
import type { LimitState } from "../../engine/limit.ts";
import { limitActor, runActor } from "../../engine/messages.ts";
import { callOf } from "../../engine/needs.ts";
import type { TaskMessage } from "../../engine/ports.ts";
import type { MapProgress, OpenCall, RunState } from "../../engine/run-state.ts";
import { isFinal } from "../../engine/state.ts";
import type { World } from "./world.ts";

type State = RunState | LimitState | DeploymentState;

export class Wakers {
  readonly #world: World;
  /** By actor: the last entry that was looked at, and its state. */
  readonly #states = new Map<string, { readonly text: string; readonly state: State }>();
  /** What is in each task message. */
  readonly #parcels = new WeakMap<object, readonly string[]>();
  #tasks: Set<string> | undefined;

  constructor(world: World) {
    this.#world = world;
  }

  /** Who has nothing that would ever wake it, in a sentence; nothing when all is well. */
  problem(): string | undefined {
    this.#tasks = undefined;
    const { logs, mail } = this.#world.state;
    for (const actor of logs.keys()) {
      if (mail.boxes.has(actor)) continue;
      const state = this.#state(actor) as State;
      const found = state.kind === "run" ? this.#run(actor, state) : state.kind === "limit" ? this.#limit(actor, state) : this.#deployment(actor, state);
      if (found !== undefined) return `${actor} ${found}, and has no mail`;
    }
    return undefined;
  }

  #run(actor: string, state: RunState): string | undefined {
    if (isFinal(state.row.type) || state.paused) return undefined;
    if (state.retryTimer !== undefined) return this.#timer(actor, state.retryTimer) ? undefined : `waits for ${state.retryTimer}, which is not set`;
    const calls = Object.entries(state.open);
    if (calls.length === 0) return "is open and waits for nothing";
    for (const [id, open] of calls) {
      const problem = this.#call(actor, state, id, open);
      if (problem !== undefined) return `waits for ${id}, ${problem}`;
    }
    return undefined;
  }

  #call(actor: string, state: RunState, id: string, open: OpenCall): string | undefined {
    const { kind, needs, timer, request, wants, child } = open;
    if (needs?.length)
      return needs.every((need) => state.open[callOf(need, (id) => id in state.open)]) ? undefined : `which needs ${needs}, and these are not open`;
    if (timer !== undefined && !this.#timer(actor, timer)) return `whose timer ${timer} is not set`;
    if (timer !== undefined || kind === "input" || kind === "pause") return undefined;
    if (open.waits === "pause") return "which waits for a resume, and the run is not paused";
    if (open.waits === "slot") return this.#slot(request as string, wants?.[0]?.name as string);
    if (kind === "flow") return this.#child(child as string);
    if (open.map) return this.#map(actor, state, id, open, open.map);
    if (this.#sent.has(`${actor} ${id}#${open.attempt}`)) return undefined;
    return `of which no attempt ${open.attempt} is in any queue or in anybody's hands`;
  }
  #map(actor: string, state: RunState, id: string, { limits }: OpenCall, map: MapProgress): string | undefined {
    for (const { id: piece, timer, request, holds } of map.open) {
      const problem =
        timer !== undefined
          ? !this.#timer(actor, timer) && `the timer ${timer} is not set`
          : request !== undefined
            ? this.#slot(request, limits?.[holds?.length ?? 0]?.name as string)
            : !this.#sent.has(`${actor} ${id}/${piece}`) && "it is in no queue and in nobody's hands";
      if (problem) return `of whose piece ${piece} ${problem}`;
    }
    if (map.open.length > 0 || (map.follows !== undefined && state.open[map.follows])) return undefined;
    return "of which no piece is out";
  }
  #slot(request: string, limit: string): string | undefined {
    const actor = limitActor(limit);
    if (this.#world.state.mail.boxes.has(actor)) return undefined;
    const state = this.#state(actor) as LimitState | undefined;
    const known = state?.waiters.some((one) => one.request === request) || state?.holders.some((one) => one.request === request);
    return known && this.#world.state.timers.has(actor) ? undefined : `which asked for a slot of ${limit} that nobody is going to give it`;
  }
  #child(id: string): string | undefined {
    const actor = runActor(id);
    const { mail, timers } = this.#world.state;
    if (mail.boxes.has(actor) || timers.has(actor)) return undefined;
    const state = this.#state(actor) as RunState | undefined;
    if (state?.continuedAs !== undefined) return this.#child(state.continuedAs);
    if (!state) return `whose run ${id} was never started`;
    return isFinal(state.row.type) ? `whose run ${id} has ended without a word` : undefined;
  }

  #limit(actor: string, { holders, waiters, perSeconds }: LimitState): string | undefined {
    if (perSeconds !== undefined) return waiters.length === 0 || this.#world.state.timers.has(actor) ? undefined : "has runs waiting for a rate, and no timer";
    const unasked = holders.find(({ request, fence }) => !this.#timer(actor, `lease:${request}:${fence}`));
    if (unasked) return `will never ask its holder ${unasked.request} again`;
    return waiters.length > 0 && holders.length === 0 ? "has runs waiting, and nobody holds it" : undefined;
  }
  #deployment(actor: string, { active, queue, asks, timer }: DeploymentState): string | undefined {
    for (const id of [active.length > 0 ? asks : undefined, timer]) if (id !== undefined && !this.#timer(actor, id)) return `waits for ${id}, which is not set`;
    if (active.length > 0 && asks === undefined) return "will never ask its runs again";
    return queue.length > 0 && active.length === 0 ? "has runs waiting, and none that goes on" : undefined;
  }

  #timer(actor: string, id: string): boolean {
    return this.#world.state.timers.get(actor)?.has(id) === true;
  }
  #state(actor: string): State | undefined {
    const text = this.#world.state.logs.get(actor)?.at(-1);
    if (typeof text !== "string") return undefined;
    let known = this.#states.get(actor);
    if (known?.text !== text) this.#states.set(actor, (known = { text, state: (JSON.parse(text) as Entry).state }));
    return known.state;
  }
  /** Attempts and pieces that are in a queue, or in an executor's hands. */
  get #sent(): ReadonlySet<string> {
    if (this.#tasks) return this.#tasks;
    this.#tasks = new Set();
    for (const { waiting, inHand } of this.#world.state.tasks.pools.values())
      for (const parcel of [...waiting, ...inHand.values()]) for (const name of this.#contents(parcel)) this.#tasks.add(name);
    return this.#tasks;
  }
  #contents(parcel: { readonly text: string }): readonly string[] {
    let names = this.#parcels.get(parcel);
    if (names) return names;
    const { actor, tasks } = JSON.parse(parcel.text) as TaskMessage;
    const place = (piece: Piece | undefined, attempt: number): string => (piece ? `/${piece.id}` : `#${attempt}`);
    names = tasks.map(({ call, attempt, piece }) => `${actor} ${call}${place(piece, attempt)}`);
    this.#parcels.set(parcel, names);
    return names;
  }
}
