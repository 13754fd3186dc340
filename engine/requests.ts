/**
 * What people ask of a run (an input, a pause, a resume) carries an id. A request that comes again is known by it, however late: a process that was taken for dead may still hold
 * it in hand, and a pause that is taken a second time after its resume would never end.
 */
import { LIMITS } from "./limits.ts";
import type { RunDraft } from "./run-draft.ts";

export const isKnown = ({ state }: RunDraft, request: string): boolean => state.seen?.includes(request) ?? false;

export function remember({ state }: RunDraft, request: string): void {
  (state.seen ??= []).push(request);
  if (state.seen.length > LIMITS.requestsRemembered) state.seen.shift();
}
