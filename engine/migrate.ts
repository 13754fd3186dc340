/**
 * A run moves to another build of the code, because somebody asks for it: without that it stays on the build that it started on (rule 34). Its log is replayed on the new code first.
 * Where the two do not match, the run stays where it is, and its log says why.
 */
import { encodeError } from "./codec.ts";
import { WindhoverError } from "./errors.ts";
import type { Instance } from "./instance.ts";
import { isKnown, remember } from "./requests.ts";
import type { RunDraft } from "./run-draft.ts";

/** Taken by the build that the run is to move to. */
export async function migrate(draft: RunDraft, request: string): Promise<void> {
  const { state, context } = draft;
  const { build } = context;
  if (build === undefined || build === state.build || isKnown(draft, request)) return;
  remember(draft, request);
  const problem = await mismatch(draft);
  if (problem) {
    draft.instance?.drop();
    draft.instance = null;
    return draft.log({ type: "migrated", request, build, error: encodeError(problem) });
  }
  state.build = build;
  draft.rowChanged = true;
  draft.log({ type: "migrated", request, build });
}

/** Nothing is replayed where the function has ended, or begins again from the top. */
async function mismatch(draft: RunDraft): Promise<WindhoverError | undefined> {
  const { state } = draft;
  if (state.returned || state.ending || state.retryTimer !== undefined) return undefined;
  let instance: Instance;
  try {
    instance = await draft.needCode();
  } catch (error) {
    if (error instanceof WindhoverError && error.code === "WH2001") return error;
    throw error;
  }
  if (instance.fatal || instance.outcome || state.paused) return instance.fatal;
  if (Object.entries(state.open).some(([id, open]) => open.role !== "hook" && instance.calls.get(id)?.observed)) return undefined;
  return new WindhoverError("WH1202", {
    message: `The flow "${state.flow}" would wait for something that is not in its log.`,
    expected: "await only tasks, flows, sleep, waitForInput and the like",
    got: "a promise of another kind",
  });
}
