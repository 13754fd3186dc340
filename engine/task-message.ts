/** What an executor makes of a task message: its tasks run side by side, and what comes of them goes to the run's mailbox in as few messages as can be (rule 40). */
import { runAttempt } from "./attempt.ts";
import type { Host } from "./host.ts";
import { LIMITS } from "./limits.ts";
import type { RunMessage, TaskReport } from "./messages.ts";
import type { Mailbox, TaskMessage } from "./ports.ts";

/** Collects reports, and sends what came up to the next tick of the event loop: one message an actor. */
export class Reports {
  readonly #mailbox: Pick<Mailbox, "send">;
  readonly #nextTick: () => Promise<void>;
  readonly #byActor = new Map<string, TaskReport[]>();
  #sending: Promise<void> | undefined;

  constructor(mailbox: Pick<Mailbox, "send">, nextTick: () => Promise<void>) {
    this.#mailbox = mailbox;
    this.#nextTick = nextTick;
  }

  /** Resolves when the report is in the mailbox. */
  add(actor: string, report: TaskReport): Promise<void> {
    const list = this.#byActor.get(actor);
    if (list) list.push(report);
    else this.#byActor.set(actor, [report]);
    this.#sending ??= this.#nextTick().then(() => this.#send());
    return this.#sending;
  }
  async #send(): Promise<void> {
    this.#sending = undefined;
    const all = [...this.#byActor];
    this.#byActor.clear();
    const sends: Promise<void>[] = [];
    for (const [actor, reports] of all)
      for (let i = 0; i < reports.length; i += LIMITS.reportsPerMessage)
        sends.push(this.#mailbox.send(actor, doneOf(reports.slice(i, i + LIMITS.reportsPerMessage))));
    await Promise.all(sends);
  }
}

function doneOf(reports: readonly TaskReport[]): RunMessage {
  const [first] = reports;
  return {
    kind: "done",
    id: `done:${first?.call}:${first?.attempt}:${first?.piece?.id ?? ""}:${first?.ok ? "ok" : "fail"}+${reports.length}`,
    reports,
  };
}

/** A task message that was received before is a crash, never a run (rule 13): the process that had it died. */
export function crashOf({ id, tasks }: TaskMessage, why?: string): RunMessage {
  const attempts = tasks.map(({ call, attempt, piece }) => ({ call, attempt, piece }));
  return { kind: "crash", id: `crash:${id}`, attempts, ...(why !== undefined && { why }) };
}

/** Runs what is in the message, at most `atOnce` tasks at a time. Resolves when all of it is reported; then the message can be deleted. */
export async function runTasks(host: Host, { actor, run, tasks }: TaskMessage, atOnce: number, reports: Reports): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let item = tasks[next++]; item; item = tasks[next++]) await reports.add(actor, await runAttempt(host, actor, run, item));
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, tasks.length) }, lane));
}
