/** Compares what a log's events fold to with the state that its last entry carries. */
import type { DeploymentEvent, LimitEvent } from "../../engine/events.ts";
import type { OpenCall, RunState } from "../../engine/run-state.ts";
import { isFinal } from "../../engine/state.ts";
import type { RunFold } from "./fold.ts";
import type { CallFold } from "./fold-call.ts";

/** What differs, one sentence each. */
export function differences(fold: RunFold, state: RunState): readonly string[] {
  const found: string[] = [];
  const same = (what: string, events: unknown, said: unknown): void => {
    if (events !== said) found.push(`${what} is ${said} in the state, and ${events} by the events`);
  };
  same("the end", fold.over, isFinal(state.row.type) ? state.row.type : undefined);
  same("the life", fold.attempt, state.attempt);
  same("the number of calls", fold.calls, state.calls);
  same("what is open", list(fold.open.keys()), list(Object.keys(state.open)));
  same("what is held", list(fold.held.keys()), list(Object.keys(state.held ?? {})));
  for (const [request, { fence }] of Object.entries(state.held ?? {})) same(`the fence of ${request}`, fold.held.get(request), fence);
  same("what was sent and not read", fold.inputs.map(({ request }) => request).join(), (state.inputs ?? []).map(({ request }) => request).join());
  same("the pause", fold.paused, state.paused === true);
  same("what settled during the pause", fold.late.join(), (state.late ?? []).join());
  same("the cancel", fold.over ? undefined : fold.cancel, fold.over ? undefined : state.cancel?.request);
  same("the calls after the cancel", fold.cleanups, state.cancel?.calls ?? 0);
  same("that the function has ended", fold.returned !== undefined, state.returned !== undefined);
  same("that hooks of the end run", fold.ending, state.ending !== undefined);
  same("the retry's timer", fold.retryTimer, state.retryTimer);
  same("the successor", fold.continuedAs, state.continuedAs);
  same("that a task was slow", fold.slow, state.slow === true);
  for (const call of fold.open.values()) {
    const open = state.open[call.id];
    if (open) compareCall(call, open, same);
  }
  return found;
}

function compareCall(call: CallFold, open: OpenCall, same: (what: string, events: unknown, said: unknown) => void): void {
  const of = (what: string): string => `${what} of ${call.id}`;
  same(of("the kind"), call.kind, open.kind ?? "task");
  same(of("the role"), call.role, open.role);
  same(of("what is needed"), call.phase === "needs" ? list(call.needs) : "", list(open.needs ?? []));
  if (call.kind === "map") {
    same(of("the items done"), call.done, open.map?.done ?? 0);
    same(of("the items failed"), call.lost, open.map?.failed ?? 0);
    const out = (open.map?.open ?? []).filter(({ timer, request }) => timer === undefined && request === undefined);
    same(of("the pieces that run"), list([...call.pieces].map(String)), list(out.map(({ id }) => String(id))));
    return;
  }
  same(of("the attempt"), call.attempt, open.attempt ?? 0);
  same(of("the failures"), call.failures, open.failures ?? 0);
  if ((open.crashes ?? 0) > call.deaths) same(of("the deaths"), call.deaths, open.crashes);
  same(of("the suspicion"), call.deaths > 0, open.suspect === 1);
  same(of("the timer"), call.timer, open.timer);
  same(of("the wait"), WAITS[call.phase as keyof typeof WAITS], open.waits);
  if (call.phase === "slot") same(of("the request"), call.request, open.request);
  same(of("the slots"), list(call.holds), list(open.holds ?? []));
  same(of("how often slots were given back"), call.gaveBack, open.gaveBack ?? 0);
}
const WAITS = { slot: "slot", retry: "retry", paused: "pause" } as const;
function list(ids: Iterable<string>): string {
  const all = Array.isArray(ids) ? (ids as readonly string[]) : [...ids];
  return all.length < 2 ? (all[0] ?? "") : [...all].sort().join();
}

/** Who holds what of a limit, or of a deployment's places, and who waits, as the events say. */
export class Places {
  readonly holders = new Set<string>();
  readonly waiters = new Set<string>();
  paused: boolean | undefined;

  limit(events: readonly LimitEvent[]): void {
    for (const event of events) {
      if (event.type === "waiting") this.waiters.add(event.request);
      if (event.type === "granted" || event.type === "released") this.waiters.delete(event.request);
      if (event.type === "granted") this.holders.add(event.request);
      if (event.type === "released") this.holders.delete(event.request);
    }
  }
  deployment(events: readonly DeploymentEvent[]): void {
    for (const event of events) {
      if (event.type === "queued") this.waiters.add(event.run);
      if (event.type === "launched" || event.type === "ended" || event.type === "skipped") this.waiters.delete(event.run);
      if (event.type === "launched") this.holders.add(event.run);
      if (event.type === "ended") this.holders.delete(event.run);
      if (event.type === "paused" || event.type === "resumed") this.paused = event.type === "paused";
    }
  }
  /** `holders` absent: they leave by themselves, as a rate's do. */
  differences(actor: string, holders: readonly string[] | undefined, waiters: readonly string[]): readonly string[] {
    const found: string[] = [];
    if (holders && list(this.holders) !== list(holders))
      found.push(`${actor} has the holders ${list(holders)} in its state, and ${list(this.holders)} by its events`);
    if (list(this.waiters) !== list(waiters)) found.push(`${actor} has ${list(waiters)} waiting in its state, and ${list(this.waiters)} by its events`);
    return found;
  }
}
