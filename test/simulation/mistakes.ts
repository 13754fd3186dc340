/**
 * The model's mistakes, each made in the real engine, in a backend or in a pump: what is replaced by what, and the worlds that must find it. A snippet has to stand in its file exactly
 * once, so that a change of the engine cannot make a mistake harmless unseen.
 */
export interface Replacement {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}
export interface Mistake {
  /** As in `test/model/scenarios.mjs`. */
  readonly name: string;
  readonly worlds: readonly string[];
  /** How many seeds it may take, where two faults have to meet at two places. */
  readonly seeds?: number;
  readonly edits: readonly Replacement[];
}

const turn = (find: string, replace: string): Replacement => ({ file: "engine/turn.ts", find, replace });
const PERFORM_AGAIN = "if (tail && again.length > 0) await perform(performerOf(host, actor, living), tail, tail.effects);";
const APPEND = "if (step.events.length > 0) tail = await append(host, actor, tail, step, deliveries); // 3";
const PERFORM = "const performed = perform(performerOf(host, actor, living, lateRow), at, step.effects); // 4";
const TAIL = "let tail = await log.tail(actor); // 1";
const LOST = "if (again.length === 0) return [];";
const GIVEN_UP = "    living?.instance?.drop();\n    throw error;";
const LOST_ATTEMPTS = "...lostAttempts(tail, again)";

export const mistakes: readonly Mistake[] = [
  { name: "acknowledges before effects", worlds: ["subflow", "retries"], edits: [turn(PERFORM, `await mailbox.acknowledge(deliveries); ${PERFORM}`)] },
  {
    name: "effects before commit",
    worlds: ["fan-out", "subflow"],
    edits: [
      turn(
        APPEND,
        `if (step.events.length > 0) { await perform(performerOf(host, actor, step.living ?? null), { n: (tail?.n ?? 0) + 1, at: tail?.at ?? 0, state: step.state } as never, step.effects); tail = await append(host, actor, tail, step, deliveries); }`,
      ),
      turn(PERFORM, "const performed = step.events.length === 0 && perform(performerOf(host, actor, living, lateRow), at, step.effects);"),
    ],
  },
  {
    name: "unconditional append",
    worlds: ["chain", "inputs"],
    edits: [
      {
        file: "adapters/memory/log.ts",
        find: "if (entry.n !== (texts?.length ?? 0) + 1) return false;",
        replace: "if (texts) texts.length = Math.min(texts.length, entry.n - 1);",
      },
    ],
  },
  { name: "a redelivered message performs no effects", worlds: ["subflow", "fan-out"], edits: [turn(PERFORM_AGAIN, "")] },
  {
    name: "appends before it repeats the effects of the entry before",
    worlds: ["overtake"],
    seeds: 15_000,
    edits: [
      turn(PERFORM_AGAIN, "let before = again.length > 0 ? tail : null;"),
      turn(
        PERFORM,
        `${PERFORM}\nif (performed) await performed;\nif (before) await perform(performerOf(host, actor, living), before, before.effects); before = null;`,
      ),
    ],
  },
  {
    name: "effects are repeated for every message that says the same",
    worlds: ["limit", "limit-over-sleep", "cancel-with-limit"],
    edits: [
      turn(
        TAIL,
        `${TAIL}\nconst said: Map<string, Entry> = ((host as never as { said?: Map<string, Entry> }).said ??= new Map()) as never; for (const { message } of deliveries) { const entry = said.get(actor + message.id); if (entry) await perform(performerOf(host, actor, null), entry, entry.effects); }`,
      ),
      turn(
        APPEND,
        `${APPEND}\nif (tail) for (const { message } of deliveries) if (!said.has(actor + message.id)) said.set(actor + message.id, { ...tail, effects: step.effects });`,
      ),
    ],
  },
  {
    name: "the loser of an append acknowledges",
    worlds: ["inputs", "fan-out", "limit"],
    edits: [turn(GIVEN_UP, `    if (error instanceof SecondWriter) await mailbox.acknowledge(deliveries);\n${GIVEN_UP}`)],
  },
  {
    name: "trusts the mailbox to drop duplicates",
    worlds: ["one-retry"],
    edits: [
      {
        file: "engine/attempts.ts",
        find: "open?.attempt === attempt && open.waits === undefined && !launches.includes(call);",
        replace: "open?.attempt !== undefined && attempt > 0 && launches.length >= 0;",
      },
    ],
  },
  {
    name: "counts completions instead of naming calls",
    worlds: ["race", "sleep"],
    edits: [
      {
        file: "engine/run-draft.ts",
        find: "if (!this.instance && open.awaited && forCode && !this.state.paused) await this.needCode();",
        replace: "if (Object.values(this.state.open).filter((o) => o.awaited).length === 1 && forCode && !this.state.paused) await this.needCode();",
      },
    ],
  },
  {
    name: "a failure does not unblock the flow",
    worlds: ["failing-subflow", "race"],
    edits: [
      {
        file: "engine/run-draft.ts",
        find: "if (!this.instance && open.awaited && forCode && !this.state.paused) await this.needCode();",
        replace: 'if (open.awaited && forCode && !this.state.paused && (event.type !== "settled" || event.ok)) await this.needCode();',
      },
      {
        file: "engine/run-draft.ts",
        find: "if (this.state.paused || !forCode || !this.instance || this.instance.fatal) continue;",
        replace: 'if (this.state.paused || !forCode || !this.instance || this.instance.fatal || (event.type === "settled" && !event.ok)) continue;',
      },
    ],
  },
  {
    name: "content-based deduplication drops a second, equal input",
    worlds: ["inputs"],
    edits: [
      {
        file: "sdk/ports-run.ts",
        find: "input:$".concat("{this.#backend.ports.random.id()}`, name"),
        replace: "input:$".concat("{name}:$", "{encode(value)}`, name"),
      },
    ],
  },
  {
    name: "an executor acknowledges before it reports",
    worlds: ["fan-out", "map-retries"],
    edits: [
      {
        file: "adapters/process/executor.ts",
        find: "    await runTasks(this.#host,",
        replace: "    await ports.tasks.acknowledge([delivery]);\n    await runTasks(this.#host,",
      },
    ],
  },
  {
    name: "an executor runs a redelivered task again",
    worlds: ["fan-out", "retries"],
    edits: [{ file: "adapters/process/executor.ts", find: "if (receives > 1 && !claims) {", replace: "if (receives > 1000) {" }],
  },
  {
    name: "index rows are not versioned",
    worlds: ["cancel", "pause", "sleep", "inputs"],
    edits: [{ file: "adapters/memory/index-rows.ts", find: "if (old !== undefined && old.own.seq >= row.seq) return;", replace: "" }],
  },
  {
    name: "a warm instance is used without reading the tail",
    worlds: ["inputs", "fan-out", "subflow"],
    edits: [
      turn(
        TAIL,
        `const tails = ((host as never as { tails?: Map<string, string> }).tails ??= new Map()) as Map<string, string>; let tail: Entry | null = tails.has(actor) ? JSON.parse(tails.get(actor) as string) : await log.tail(actor);`,
      ),
      turn("if (living) host.warm.keep(actor, living);", "if (living) host.warm.keep(actor, living); if (tail) tails.set(actor, JSON.stringify(tail));"),
    ],
  },
  {
    name: "the loser of an append keeps its instance",
    worlds: ["inputs", "fan-out", "sleep", "subflow"],
    edits: [
      turn(APPEND, `living = step.living ? { ...step.living, n: (tail?.n ?? 0) + 1, nonce: "" } : null;\n      ${APPEND}`),
      turn(GIVEN_UP, "    if (living) host.warm.keep(actor, living);\n    throw error;"),
      { file: "engine/warm.ts", find: "if (kept?.n === tail.n && kept.nonce === tail.nonce) {", replace: "if (kept?.n === tail.n) {" },
    ],
  },
  {
    name: "the tail is read eventually consistent",
    worlds: ["inputs", "subflow", "fan-out"],
    edits: [
      {
        file: "adapters/memory/log.ts",
        find: "return texts === undefined ? null : parse(actor, texts.at(-1), texts.length);",
        replace:
          "stale = (stale + 1) % 5; if (texts === undefined || (texts.length === 1 && stale === 0)) return null; return stale === 0 ? parse(actor, texts.at(-2), texts.length - 1) : parse(actor, texts.at(-1), texts.length);",
      },
      { file: "adapters/memory/log.ts", find: "export type LogState =", replace: "let stale = 0;\nexport type LogState =" },
    ],
  },
  { name: "a redelivered turn does not settle its inline attempt", worlds: ["chain"], edits: [turn(LOST, "if (again.length >= 0) return [];")] },
  {
    name: "an inline attempt is run again without counting it",
    worlds: ["chain"],
    edits: [
      turn(LOST, "if (again.length >= 0) return [];"),
      turn(
        LOST_ATTEMPTS,
        `...(again.length > 0 && tail?.effects.some((effect) => effect.do === "inline") ? (await runInline(host, actor, tail, tail.effects.find((effect) => effect.do === "inline") as never, await bookOf(host, actor, living))).messages : [])`,
      ),
    ],
  },
  {
    name: "ignores a grant that it does not want",
    worlds: ["continue-with-slots"],
    edits: [
      { file: "engine/run.ts", find: 'if (message.kind === "grant")', replace: 'if (message.kind === "grant" && draft.now < 0)' },
      {
        file: "engine/answers.ts",
        find: "if (!found && !piece) return draft.send(",
        replace: "if (!found && !piece) return; if (!found && !piece) return draft.send(",
      },
    ],
  },
  {
    name: "counts releases instead of naming holders",
    worlds: ["limit", "tag-limit"],
    edits: [
      {
        file: "engine/limit.ts",
        find: "if (fence === null ? !held && !waits : held?.fence !== fence) return;",
        replace: "if (fence === null && !held && !waits) return;",
      },
      {
        file: "engine/limit.ts",
        find: "state.holders = state.holders.filter((h) => h.request !== request);",
        replace: "state.holders = state.holders.slice(1);",
      },
    ],
  },
  {
    name: "frees a slot when its lease ends",
    worlds: ["limit-over-sleep", "limit"],
    edits: [
      {
        file: "engine/limit.ts",
        find: "if (holder && state.perSeconds === undefined) this.#tell(holder);",
        replace: "if (holder && state.perSeconds === undefined) this.#release(holder.request, holder.fence);",
      },
    ],
  },
  {
    name: "nobody consumes dead letters",
    worlds: ["dead-letter"],
    edits: [
      {
        file: "adapters/process/worker.ts",
        find: "    // Nobody else can have it.\n",
        replace: "    return this.#backend.ports.mailbox.acknowledge(batch);\n",
      },
    ],
  },
  {
    name: "the dead-letter consumer forgets who started the run",
    worlds: ["dead-letter"],
    edits: [{ file: "engine/starting.ts", find: 'if (message.message.kind === "start") noteStart(state, message.message, draft.now);', replace: "" }],
  },
  {
    name: "the dead-letter consumer performs no effects",
    worlds: ["dead-letter"],
    edits: [turn(PERFORM, `if (!messages.some((message) => message.kind === "dead")) { ${PERFORM.replace(" // 4", "")} }`)],
  },
  {
    name: "a copy of a task message runs without a claim",
    worlds: ["at-most-once-by-queue", "limit-by-queue"],
    edits: [
      {
        file: "engine/claims.ts",
        find: 'if (stands.nonce === own.nonce) return "run";',
        replace: 'if (stands.nonce === own.nonce || own.receives === 1) return "run";',
      },
    ],
  },
  {
    name: "a claimed message that comes again is dropped",
    worlds: ["at-most-once-by-queue", "limit-by-queue"],
    edits: [{ file: "engine/claims.ts", find: 'return own.receives > stands.receives ? "crashed" : "leave";', replace: 'return "drop";' }],
  },
];
