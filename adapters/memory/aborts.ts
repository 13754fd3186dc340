/** Abort marks, and the watches of all processes over one state. */
import type { Aborts } from "../../engine/ports.ts";
import type { Life } from "./life.ts";

interface Watch {
  readonly call: string;
  readonly aborted: () => void;
}

export interface AbortState {
  readonly marks: Map<string, { all: boolean; readonly calls: Set<string> }>;
  readonly watches: Map<string, Set<Watch>>;
}

export const emptyAborts = (): AbortState => ({ marks: new Map(), watches: new Map() });

export function memoryAborts(state: AbortState, life: Life): Aborts {
  const isMarked = (actor: string, call: string): boolean => {
    const marks = state.marks.get(actor);
    return marks !== undefined && (marks.all || marks.calls.has(call));
  };
  const remove = (actor: string, watch: Watch): boolean => {
    const watches = state.watches.get(actor);
    const was = watches?.delete(watch) ?? false;
    if (watches?.size === 0) state.watches.delete(actor);
    return was;
  };
  /** Not before whoever called us has gone on; and not if the watch was stopped meanwhile. */
  const fire = (actor: string, watch: Watch): void => queueMicrotask(() => remove(actor, watch) && watch.aborted());
  const { mark, unmark, marked } = life.guard<Pick<Aborts, "mark" | "unmark" | "marked">>({
    async mark(actor, calls) {
      let marks = state.marks.get(actor);
      if (marks === undefined) {
        marks = { all: false, calls: new Set() };
        state.marks.set(actor, marks);
      }
      if (calls === "all") marks.all = true;
      else for (const call of calls) marks.calls.add(call);
      for (const watch of state.watches.get(actor) ?? []) if (isMarked(actor, watch.call)) fire(actor, watch);
    },
    async unmark(actor, calls) {
      const marks = state.marks.get(actor);
      for (const call of calls) marks?.calls.delete(call);
      if (marks?.all === false && marks.calls.size === 0) state.marks.delete(actor);
    },
    marked: async (actor, call) => isMarked(actor, call),
  });
  return {
    mark,
    unmark,
    marked,
    watch(actor, call, aborted) {
      if (!life.open) return () => {};
      const watch: Watch = {
        call,
        aborted: () => {
          forget();
          aborted();
        },
      };
      const watches = state.watches.get(actor);
      if (watches === undefined) state.watches.set(actor, new Set([watch]));
      else watches.add(watch);
      const forget = life.onEnd(() => remove(actor, watch));
      if (isMarked(actor, call)) fire(actor, watch);
      return () => {
        forget();
        remove(actor, watch);
      };
    },
  };
}
