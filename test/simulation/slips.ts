/** Small mistakes of the engine's own that no model has: most of them stood there once. Each is made again, and the watch that is meant for it has to say so. */
import type { Mistake } from "./mistakes.ts";

interface Slip extends Mistake {
  /** What the simulation says of it. */
  readonly says: RegExp;
}

export const slips: readonly Slip[] = [
  {
    name: "a retry's wake-up is not logged",
    worlds: ["keyed-limit"],
    edits: [{ file: "engine/answers.ts", find: '    draft.log({ type: "woken", call, timer });\n', replace: "" }],
    says: /without an entry changed its state|is .* in the state, and .* by the events/,
  },
  {
    name: "a row is written for a step that has no entry",
    worlds: ["cancel-with-limit", "overlap-cancel"],
    edits: [{ file: "engine/ending.ts", find: "if (draft.events.length > 0) label(draft);", replace: "label(draft);" }],
    says: /without an entry had the effect .*"do":"index"/,
  },
  {
    name: "a map's piece that gets its slot during a pause starts",
    worlds: ["map-limit-long-pause"],
    edits: [{ file: "engine/map.ts", find: "else if (draft.state.paused) giveBack(draft, open, granted);", replace: "" }],
    says: /began to run while the run was paused/,
  },
  {
    name: "a cancel that ends a pause leaves hooks waiting for the resume",
    worlds: ["long-pause-cancel"],
    edits: [{ file: "engine/cancel.ts", find: 'else if (open.waits === "pause") await readyAfterPause(draft, id, open);', replace: "" }],
    says: /is ready, and was not sent|waits for a resume, and the run is not paused/,
  },
  {
    name: "a retry has no timer",
    worlds: ["retries"],
    edits: [{ file: "engine/calls.ts", find: '  draft.effects.push({ do: "timer", id: open.timer, at });\n', replace: "" }],
    says: /whose timer .* is not set, and has no mail/,
  },
  {
    name: "a limit never asks its holder",
    worlds: ["limit"],
    edits: [
      {
        file: "engine/limit.ts",
        find: 'if (this.state.perSeconds === undefined) this.effects.push({ do: "timer", id: leaseId(holder)',
        replace: 'if (this.state.perSeconds === -1) this.effects.push({ do: "timer", id: leaseId(holder)',
      },
    ],
    says: /will never ask its holder .* again/,
  },
  {
    name: "a limit forgets the requests that are over",
    worlds: ["limit", "tag-limit"],
    edits: [{ file: "engine/limit.ts", find: "|| this.#isOver(request)) return;", replace: ") return;" }],
    says: /will never ask its holder .* again/,
  },
  {
    name: "a limit's question after a slot that was handed on is answered by the run that had it",
    worlds: ["continue-with-slots"],
    edits: [{ file: "engine/run.ts", find: '"resume", "migrate", "grant"]', replace: '"resume", "migrate"]' }],
    says: /holders have a slot of kept/,
  },
  {
    name: "a turn is skipped that the code was waiting for",
    worlds: ["map-chain", "dependencies"],
    edits: [{ file: "engine/run.ts", find: "if (instance.calls.get(id)?.observed)", replace: "if (instance.calls.get(id)?.observed && draft.now < 0)" }],
    says: /was left waiting at entry|waits for something that is not in its log/,
  },
  {
    name: "a result computed again is ended by an old cancel",
    worlds: ["not-stored-cancel"],
    edits: [{ file: "engine/run-context.ts", find: "runAttempt(unmarked(host)", replace: "runAttempt(host" }],
    says: /WH1205/,
  },
  {
    name: "jitter is drawn anew wherever an attempt runs",
    worlds: ["retry-jitter"],
    edits: [
      {
        file: "engine/attempt.ts",
        find: "verdictOf(error, failures, policy, new Sequence(",
        replace: "verdictOf(error, failures, policy, Math.random() || new Sequence(",
      },
    ],
    says: /ms after failure .*, and .* were drawn/,
  },
];
