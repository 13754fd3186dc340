/**
 * The deployment: it turns nominal times and events into runs, each once, and keeps its overlap policy. A run's id is a hash of the deployment and the nominal time, or of
 * the event's id, so that a tick or an event delivered twice starts one run. For its runs it is a limit (rule 33): holders by name, asked again rather than timed out.
 */
import { decode, encode, hash } from "./codec.ts";
import { carriedOver, dueOf, nextDue } from "./due.ts";
import type { DeploymentEvent, DeploymentRow, Effect, Payload } from "./events.ts";
import { LIMITS } from "./limits.ts";
import { type DeploymentMessage, type DeploymentSettings, deploymentActor, runActor, type StartMessage } from "./messages.ts";
import { runName } from "./names.ts";
import { describeSchedule, nextTime, type ScheduleSpec, scheduleKey } from "./schedule.ts";
import { Sequence } from "./sequence.ts";

export interface DeploymentState {
  readonly kind: "deployment";
  revision: string;
  settings: DeploymentSettings;
  paused: boolean;
  /** Paused because the code that was deployed did not have it, and by nobody since: code that has it again lets it go on. */
  gone?: true;
  /** A deploy has said what the settings are: from then on only deploys do. A process that runs may be of the code before. */
  deployed?: true;
  /** By schedule (its key): the last nominal time that was dealt with. Unit: milliseconds since 1970. */
  last: Record<string, number>;
  timer?: string;
  timerAt?: number;
  /** Runs that hold a slot, oldest first, and runs that wait for one. */
  active: ActiveRun[];
  queue: QueuedRun[];
  /** Runs that gave their slot back lately, or were skipped: a trigger for one of these is an old one that comes again, and must not make room for it. */
  over?: readonly string[];
  lastRun?: string;
  asks?: string;
}
interface ActiveRun {
  readonly run: string;
  readonly start: StartMessage;
  /** Overlap is counted for each key. */
  readonly key?: string;
  /** It has its place, and begins only then (jitter). Unit: milliseconds since 1970. */
  readonly startAt?: number;
  cancelled?: true;
}
interface QueuedRun {
  readonly run: string;
  readonly start: StartMessage;
  readonly key?: string;
}

export interface DeploymentContext {
  readonly name: string;
  readonly n: number;
  readonly now: number;
  /** True where ticks come from outside (EventBridge Scheduler), so that the deployment sets no timers of its own. */
  readonly ticksFromOutside: boolean;
}
export interface DeploymentStep {
  readonly state: DeploymentState | null;
  readonly events: readonly DeploymentEvent[];
  readonly effects: readonly Effect[];
}

export function advanceDeployment(context: DeploymentContext, before: DeploymentState | null, messages: readonly DeploymentMessage[]): DeploymentStep {
  const draft = new DeploymentDraft(context, before ? structuredClone(before) : null);
  for (const message of messages) draft.take(message);
  return draft.finish();
}

class DeploymentDraft {
  readonly events: DeploymentEvent[] = [];
  readonly effects: Effect[] = [];
  readonly #context: DeploymentContext;
  #state: DeploymentState | null;
  #now: number;
  constructor(context: DeploymentContext, state: DeploymentState | null) {
    this.#context = context;
    this.#now = context.now;
    this.#state = state;
  }

  take(message: DeploymentMessage): void {
    if (message.kind === "configure") return this.#configure(message);
    const state = this.#state;
    if (!state) return;
    switch (message.kind) {
      case "tick": {
        const spec = state.settings.schedules[message.schedule];
        if (spec?.active && !state.paused) this.#launchFor(state, spec, message.schedule, message.nominal);
        return;
      }
      case "fire":
        if (message.timer === state.asks) return this.#askAgain(state);
        if (message.timer !== state.timer) return;
        // It is that late, whatever this process's clock says: one that is behind would find nothing due, and set the timer again without end.
        this.#now = Math.max(this.#now, state.timerAt ?? 0);
        state.timer = undefined;
        this.events.push({ type: "woken" });
        return this.#catchUp(state);
      case "trigger": {
        const start = this.#start(state, message.run, message.parameters, {
          tags: message.tags,
          name: message.name,
          scheduledTime: message.scheduledTime,
          createdAt: message.createdAt,
          problem: message.problem,
        });
        if (state.active.some((a) => a.run === message.run) || state.queue.some((q) => q.run === message.run) || state.over?.includes(message.run)) return;
        this.events.push({ type: "triggered", event: message.id, run: message.run });
        return this.#launch(state, message.run, start, message.concurrencyKey);
      }
      case "ended":
        return this.#ended(state, message.run, message.state);
      case "pause":
        // Who pauses what has left the code wants it paused also when it is back.
        if (state.paused && (message.gone || !state.gone)) return;
        state.paused = true;
        state.gone = message.gone;
        this.events.push({ type: "paused", request: message.id });
        return;
      case "resume":
        return this.#resume(state, message.id);
    }
  }

  #resume(state: DeploymentState, request: string): void {
    if (!state.paused) return;
    state.paused = false;
    state.gone = undefined;
    this.events.push({ type: "resumed", request });
    // What was missed while somebody had paused it was missed on purpose.
    for (const spec of state.settings.schedules) state.last[scheduleKey(spec)] = this.#now;
  }

  #configure({ id, revision, settings, deployed }: Extract<DeploymentMessage, { kind: "configure" }>): void {
    const old = this.#state;
    if (old?.deployed && !deployed) return;
    if (old?.revision !== revision) this.#change(old, revision, settings);
    // That it is a deploy's now has to be written down.
    else if (deployed && !old.deployed && this.events.length === 0) this.events.push({ type: "configured", revision });
    if (deployed && this.#state) this.#state.deployed = true;
    if (deployed && this.#state?.gone) this.#resume(this.#state, id);
  }

  #change(old: DeploymentState | null, revision: string, settings: DeploymentSettings): void {
    this.#state = {
      kind: "deployment",
      revision,
      // What is large leaves the entry in place: that must not reach into the code's own settings.
      settings: structuredClone(settings),
      paused: old ? old.paused : settings.paused,
      ...(old?.gone && { gone: old.gone }),
      ...(old?.deployed && { deployed: old.deployed }),
      // Where ticks come from outside there is none for a time before the schedule was made, and the first one may overtake the deploy.
      last: carriedOver(old, settings.schedules, this.#context.ticksFromOutside ? 0 : this.#now),
      timer: old?.timer,
      timerAt: old?.timerAt,
      active: old?.active ?? [],
      queue: old?.queue ?? [],
      over: old?.over,
      lastRun: old?.lastRun,
      asks: old?.asks,
    };
    this.events.push({ type: "configured", revision });
  }

  /** Its timer fired: start what is due, and make up for what was missed as each schedule says. */
  #catchUp(state: DeploymentState): void {
    const now = this.#now;
    if (state.paused) return;
    state.settings.schedules.forEach((spec, index) => {
      if (!spec.active) return;
      const key = scheduleKey(spec);
      const { times, missed, last } = dueOf(spec, state.last[key] ?? now, now, LIMITS.catchUpRuns - state.queue.length);
      if (missed) this.events.push({ type: "fired", schedule: index, nominal: missed.nominal, missed: true, ...(missed.count > 1 && { count: missed.count }) });
      for (const nominal of times) this.#launchFor(state, spec, index, nominal);
      state.last[key] = last;
    });
  }

  #launchFor(state: DeploymentState, spec: ScheduleSpec, schedule: number, nominal: number): void {
    const run = hash(`${this.#context.name}/${scheduleKey(spec)}/${nominal}`).slice(0, 16);
    const last = state.last[scheduleKey(spec)] ?? 0;
    if (this.#context.ticksFromOutside && nominal <= last) return;
    const parameters = spec.parameters === undefined ? state.settings.parameters : merged(state.settings.parameters, spec.parameters);
    if (this.#context.ticksFromOutside && !state.settings.concurrency) {
      // Nothing here has to be remembered: the run's id comes from the time, and the run's own log makes it one. An answer needs no entry (rule 17), and costs none.
      const start = this.#start(state, run, parameters, { scheduledTime: nominal, createdAt: this.#now });
      return this.#send(run, start, jitterMs(spec, run));
    }
    state.last[scheduleKey(spec)] = Math.max(last, nominal);
    this.events.push({ type: "fired", schedule, nominal, run });
    const start = this.#start(state, run, parameters, { scheduledTime: nominal, createdAt: this.#now });
    this.#launch(state, run, start, state.settings.concurrency?.keys?.[schedule], jitterMs(spec, run));
  }

  #start(
    state: DeploymentState,
    run: string,
    parameters: Payload,
    more: { tags?: readonly string[]; name?: string; scheduledTime?: number; createdAt: number; problem?: string },
  ): StartMessage {
    const { flow, tags, version, overrides, concurrency } = state.settings;
    const { name } = this.#context;
    return {
      kind: "start",
      id: `start:${run}:${deploymentActor(name)}`,
      flow,
      name: more.name ?? runName(run),
      parameters,
      tags: [...new Set([...tags, ...(more.tags ?? [])])],
      deployment: name,
      createdAt: more.createdAt,
      ...(concurrency && { starter: { actor: deploymentActor(name) } }),
      ...(version !== undefined && { version }),
      ...(overrides && { overrides }),
      ...(more.scheduledTime !== undefined && { scheduledTime: more.scheduledTime }),
      ...(more.problem !== undefined && { problem: more.problem }),
    };
  }

  /** The overlap policy decides whether a run starts now, waits, or is skipped. */
  #launch(state: DeploymentState, run: string, start: StartMessage, key?: string, delayMs = 0): void {
    const { concurrency } = state.settings;
    state.lastRun = run;
    if (!concurrency) return this.#send(run, start, delayMs);
    const active = state.active.filter((a) => a.key === key);
    if (active.length < concurrency.limit) {
      state.active.push({ run, start, key, ...(delayMs > 0 && { startAt: this.#now + delayMs }) });
      this.events.push({ type: "launched", run });
      return this.#send(run, start, delayMs);
    }
    if (concurrency.overlap === "skip")
      return this.#skip(state, { run, start }, `Skipped: ${active.length} of ${concurrency.limit} runs of "${this.#context.name}" were still going.`);
    if (concurrency.overlap === "cancel-running") this.#supersede(state, key, concurrency.limit);
    state.queue.push({ run, start, key });
    this.events.push({ type: "queued", run });
    this.effects.push({ do: "index", row: waitingRow(run, start, active, this.#now) });
    if (concurrency.overlap !== "cancel-running") return;
    for (const holder of active) {
      if (holder.cancelled) continue;
      holder.cancelled = true;
      this.effects.push({
        do: "send",
        to: runActor(holder.run),
        message: { kind: "cancel", id: `cancel:${deploymentActor(this.#context.name)}:${run}`, why: `A newer run of "${this.#context.name}" takes its place.` },
      });
    }
  }

  /** What waits for the place of a run that is being cancelled gives way to what is newer, as that run did. */
  #supersede(state: DeploymentState, key: string | undefined, limit: number): void {
    const waiting = state.queue.filter((q) => q.key === key);
    for (const old of waiting.slice(0, Math.max(0, waiting.length - limit + 1))) {
      state.queue.splice(state.queue.indexOf(old), 1);
      this.#skip(state, old, `Skipped: a newer run of "${this.#context.name}" takes its place.`);
    }
  }

  #skip(state: DeploymentState, { run, start }: QueuedRun, why: string): void {
    // A trigger for it that comes again, when there is room, must not take that room.
    state.over = [...(state.over ?? []), run].slice(-LIMITS.runsRemembered);
    this.events.push({ type: "skipped", run, why });
    this.#send(run, { ...start, starter: undefined, skip: why });
  }

  #send(run: string, message: StartMessage, delayMs = 0): void {
    if (delayMs > 0) this.effects.push({ do: "startTimer", run, at: this.#now + delayMs, message });
    else this.effects.push({ do: "send", to: runActor(run), message });
  }

  #ended(state: DeploymentState, run: string, type: "COMPLETED" | "FAILED" | "CANCELLED" | "CRASHED"): void {
    const queued = state.queue.findIndex((q) => q.run === run);
    if (queued >= 0) state.queue.splice(queued, 1);
    else if (!state.active.some((a) => a.run === run)) return;
    state.active = state.active.filter((a) => a.run !== run);
    state.over = [...(state.over ?? []), run].slice(-LIMITS.runsRemembered);
    this.events.push({ type: "ended", run, state: type });
    const room = state.settings.concurrency?.limit ?? Number.POSITIVE_INFINITY;
    const hasRoom = ({ key }: QueuedRun): boolean => state.active.filter((a) => a.key === key).length < room;
    for (let at = state.queue.findIndex(hasRoom); at >= 0; at = state.queue.findIndex(hasRoom)) {
      const [next] = state.queue.splice(at, 1) as [QueuedRun];
      state.active.push(next);
      this.events.push({ type: "launched", run: next.run });
      this.#send(next.run, next.start);
    }
  }

  /** The lease's end: a run that has ended answers a second start with its end; one that goes on ignores it. To one whose time has not come it would be the first. */
  #askAgain(state: DeploymentState): void {
    state.asks = undefined;
    for (const { run, start, startAt = 0 } of state.active) if (startAt <= this.#now) this.#send(run, start);
    this.events.push({ type: "woken" });
  }

  finish(): DeploymentStep {
    const state = this.#state;
    if (state && this.events.length > 0) {
      this.#setTimer(state);
      if (state.active.length > 0 && state.asks === undefined) {
        state.asks = `asks@${this.#context.n}`;
        this.effects.push({ do: "timer", id: state.asks, at: this.#now + LIMITS.leaseMs });
      }
      this.effects.push({ do: "deploymentIndex", row: this.#row(state) });
    }
    return { state, events: this.events, effects: this.effects };
  }

  #setTimer(state: DeploymentState): void {
    if (this.#context.ticksFromOutside) return;
    const at = state.paused ? undefined : nextDue(state, this.#now);
    if (at === state.timerAt && state.timer !== undefined) return;
    if (state.timer !== undefined) this.effects.push({ do: "untimer", id: state.timer });
    state.timer = at === undefined ? undefined : `schedule@${this.#context.n}`;
    state.timerAt = at;
    if (state.timer !== undefined && at !== undefined) this.effects.push({ do: "timer", id: state.timer, at });
  }

  #row(state: DeploymentState): DeploymentRow {
    const { flow, tags, description, version, schedules } = state.settings;
    const rows = schedules.map((spec) => ({
      text: describeSchedule(spec),
      timezone: spec.timezone,
      active: spec.active,
      // The times alone: parameters are no part of a list.
      spec: { ...spec, parameters: undefined },
      next: (spec.active && !state.paused ? nextTime(spec, this.#now) : null) ?? undefined,
    }));
    return {
      name: this.#context.name,
      seq: this.#context.n,
      flow,
      paused: state.paused,
      schedules: rows,
      tags,
      description,
      version,
      lastRun: state.lastRun,
      updatedAt: this.#now,
    };
  }
}

/** A log of an older version holds a schedule's own parameters alone; today's are complete, and stay what they are. */
function merged(base: Payload, over: Payload): Payload {
  return typeof base === "string" && typeof over === "string" ? encode({ ...(decode(base) as object), ...(decode(over) as object) }) : over;
}

/** The same for the same run, so that a tick delivered twice waits as long. */
function jitterMs({ jitterSeconds = 0 }: ScheduleSpec, run: string): number {
  return jitterSeconds === 0 ? 0 : Math.floor(new Sequence(run).fraction() * jitterSeconds * 1000);
}

function waitingRow(run: string, start: StartMessage, active: readonly ActiveRun[], now: number): Extract<Effect, { do: "index" }>["row"] {
  const { flow, name, tags = [], deployment, createdAt, scheduledTime, version } = start;
  const blockedBy = active.map((a) => a.run);
  return {
    id: run,
    seq: 0,
    name,
    flow,
    deployment,
    tags,
    createdAt,
    scheduledTime,
    version,
    state: {
      type: "PENDING",
      name: "AwaitingConcurrencySlot",
      timestamp: now,
      reason: { code: "overlap", message: `It waits for a slot of "${deployment}".`, since: now, blockedBy },
    },
  };
}
