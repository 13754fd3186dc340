/** One run, seen from outside. */
import { type Book, placeOf } from "../engine/book.ts";
import { encode } from "../engine/codec.ts";
import { WindhoverError } from "../engine/errors.ts";
import type { Payload, RunEvent } from "../engine/events.ts";
import { CANCEL_MARK, pauseMark } from "../engine/marks.ts";
import { type Message, runActor, type StartMessage } from "../engine/messages.ts";
import { runName } from "../engine/names.ts";
import { readPayload } from "../engine/payload.ts";
import { inputProblem } from "../engine/run.ts";
import type { RunState } from "../engine/run-state.ts";
import { check } from "../engine/schema.ts";
import { isFinal, type State } from "../engine/state.ts";
import type { Run } from "./client-types.ts";
import type { ClientPorts, PortsClient } from "./ports-client.ts";
import { runRow } from "./run-rows.ts";
import { stateOf, unknownRun } from "./summary.ts";
import type { RunInput } from "./waits.ts";

export class PortsRun<R> implements Run<R> {
  readonly id: string;
  readonly #client: PortsClient;
  readonly #backend: ClientPorts;
  constructor(client: PortsClient, backend: ClientPorts, id: string) {
    this.#client = client;
    this.#backend = backend;
    this.id = id;
  }

  async state(): Promise<State<R>> {
    const run = await this.#tail();
    if (run) return (await this.#stateOf(run)) as State<R>;
    const row = await runRow(this.#backend.ports, this.id);
    if (row) return stateOf(row.state, row.scheduledTime) as State<R>;
    if (this.#client.hasStarted(this.id)) {
      const now = new Date(this.#backend.ports.clock.now());
      return {
        type: "PENDING",
        name: "Pending",
        timestamp: now,
        reason: { code: "start", message: "Its start was sent; no process that knows its flow has taken it yet.", since: now },
      };
    }
    throw unknownRun(this.id);
  }

  async #tail(): Promise<RunState | undefined> {
    const tail = await this.#backend.ports.log.tail(runActor(this.id));
    if (tail) this.#client.noteWritten(this.id);
    return tail?.state as RunState | undefined;
  }
  async #read(payload: Payload | undefined): Promise<unknown> {
    return readPayload(payload, this.#backend.ports.results);
  }
  async #stateOf(run: RunState): Promise<State<never>> {
    return stateOf(run.row, run.scheduledTime, await this.#read(run.result), await this.#read(run.error));
  }

  async result(): Promise<R> {
    for (let id = this.id; ; ) {
      const actor = runActor(id);
      const ended = this.#backend.ended?.(actor);
      // Asked to be told before the look, so that nothing falls between the two.
      const changed = ended ? undefined : this.#backend.changed(actor);
      const run = ended ?? ((await this.#backend.ports.log.tail(actor))?.state as RunState | undefined);
      if (run) this.#client.noteWritten(id);
      if (run?.continuedAs !== undefined) id = run.continuedAs;
      else if (run && isFinal(run.row.type)) return this.#outcome(run);
      else await changed;
    }
  }
  async #outcome(run: RunState): Promise<R> {
    if (run.row.type === "COMPLETED") return (await this.#read(run.result)) as R;
    if (run.error !== undefined) throw await this.#read(run.error);
    throw new WindhoverError("WH2008", {
      message: `The run "${run.name}" (${this.id}) ended as ${run.row.name}${run.row.message ? `: ${run.row.message}` : ""}.`,
      expected: "COMPLETED",
      got: run.row.type,
    });
  }

  async cancel(why?: string): Promise<void> {
    const run = await this.#open("cancelled", true);
    if (run === "cancelled") return;
    const row = run ? undefined : await runRow(this.#backend.ports, this.id);
    const of = row ? { flow: row.flow, name: row.name, ...(row.deployment !== undefined && { deployment: row.deployment }) } : undefined;
    await this.#client.send(this.id, { kind: "cancel", id: `cancel:${this.#backend.ports.random.id()}`, ...(why !== undefined && { why }), ...(of && { of }) });
    // What runs inside a turn does not read mail: the mark reaches it (rule 24).
    await this.#backend.ports.aborts.mark(runActor(this.id), [CANCEL_MARK]);
  }
  async pause(): Promise<void> {
    const run = await this.#begun("paused");
    await this.#client.send(this.id, { kind: "pause", id: `pause:${this.#backend.ports.random.id()}` });
    await this.#backend.ports.aborts.mark(runActor(this.id), [pauseMark(run === "cancelled" ? 0 : run?.resumes)]);
  }
  async resume(): Promise<void> {
    await this.#open("resumed");
    await this.#client.send(this.id, { kind: "resume", id: `resume:${this.#backend.ports.random.id()}` });
  }

  /** @throws WH2002 when there is no such run, WH2004 when it has ended. */
  async #open(what: string, again = false): Promise<RunState | "cancelled" | undefined> {
    const run = await this.#tail();
    if (!run) {
      if (!this.#client.hasStarted(this.id) && !(await runRow(this.#backend.ports, this.id))) throw unknownRun(this.id);
      return undefined;
    }
    if (run.continuedAs !== undefined || !isFinal(run.row.type)) return run;
    if (again && run.row.type === "CANCELLED") return "cancelled";
    throw new WindhoverError("WH2004", {
      message: `The run ${this.id} ended as ${run.row.name}, and cannot be ${what} any more.`,
      expected: "a run that is open",
      got: run.row.name,
    });
  }

  /** For what a run can only be told that has begun: before, nobody would remember it. @throws WH2064 while it is scheduled, or waits for its deployment's slot. */
  async #begun(what: string): Promise<RunState | "cancelled" | undefined> {
    const run = await this.#open(what);
    const row = run ? undefined : await this.#backend.ports.index.run(this.id);
    if (!row || isFinal(row.state.type)) return run;
    throw new WindhoverError("WH2064", {
      message: `The run ${this.id} has not started (${row.state.name}), and cannot be ${what} yet.`,
      expected: "a run that has started",
      got: row.state.name,
    });
  }

  async input<T>(input: RunInput<T> | string, value: T): Promise<void> {
    const name = typeof input === "string" ? input : input.name;
    await this.#begun(`given the input "${name}"`);
    const definition = typeof input === "string" ? this.#backend.code.inputs.get(name) : (input as unknown as { readonly schema: Parameters<typeof check>[0] });
    const checked = definition && (await check(definition.schema, value, (got, issues) => inputProblem(name, got, issues)));
    if (checked && !checked.ok) throw checked.error;
    await this.#client.send(this.id, { kind: "input", id: `input:${this.#backend.ports.random.id()}`, name, value: encode(value) });
  }

  retry(): Promise<Run<R>> {
    return this.#again({ run: this.id });
  }
  async rerunFrom(taskId: string, edits: { readonly parameters?: unknown; readonly result?: unknown } = {}): Promise<Run<R>> {
    const book = await this.#client.bookOf(this.id);
    const calls = [...book.calls.keys()];
    if (!calls.some((call) => placeOf(call) === placeOf(taskId)))
      throw new WindhoverError("WH2006", {
        message: `The run ${this.id} made no call "${taskId}".`,
        expected: `one of ${calls.slice(0, 20).join(", ")}${calls.length > 20 ? " …" : ""}`,
        got: taskId,
      });
    if ("result" in edits) checkEdited(book, taskId, edits.result);
    return this.#again({ run: this.id, from: taskId, ...("result" in edits && { result: encode(edits.result) }) }, edits.parameters);
  }
  /** From the start, as a new run that takes nothing over. */
  rerun(parameters?: unknown): Promise<Run<R>> {
    return this.#again(undefined, parameters);
  }

  /**
   * A run that crashed because messages of it could not be handled, as a new run that takes over what completed: it gets what the old one was started with, and the inputs that
   * it never came to read. @throws WH2063 when nothing was kept, WH2004 unless it has ended.
   */
  async redrive(): Promise<Run<R>> {
    const run = await this.#tail();
    if (!run) throw unknownRun(this.id);
    const kept = await this.#kept();
    if (isFinal(run.row.type) && kept.length === 0)
      throw new WindhoverError("WH2063", {
        message: `The run ${this.id} ended as ${run.row.name}, and no message of it was kept.`,
        expected: "a run that crashed because a message of it could not be handled",
        got: run.row.name,
      });
    const again = await this.#again({ run: this.id });
    for (const message of kept) if (message.kind === "input") await this.#client.send(again.id, { ...message, id: `input:${this.#backend.ports.random.id()}` });
    return again;
  }
  async #kept(): Promise<readonly Message[]> {
    const events = (await this.#client.history(this.id)).flatMap((entry) => entry.events as readonly RunEvent[]);
    const ended = events.findLast((event) => event.type === "ended");
    return (ended?.type === "ended" && ended.kept) || [];
  }

  /** Lets an open run go on with the newest build of its code, if that matches its log. @throws WH2002 · WH2004 when it has ended. */
  async migrate(): Promise<void> {
    await this.#open("moved to other code");
    await this.#client.send(this.id, { kind: "migrate", id: `migrate:${this.#backend.ports.random.id()}` });
  }

  /** One whose start could not be handled has its parameters in the message that was kept. */
  async #parameters(): Promise<Payload> {
    const { started } = await this.#client.bookOf(this.id);
    const start = started ? undefined : (await this.#kept()).find((message) => message.kind === "start");
    return started?.parameters ?? (start?.kind === "start" ? start.parameters : "{}");
  }

  async #again(origin: StartMessage["origin"], parameters?: unknown): Promise<Run<R>> {
    const run = await this.#tail();
    if (!run) throw unknownRun(this.id);
    if (!isFinal(run.row.type))
      throw new WindhoverError("WH2004", {
        message: `The run ${this.id} is still open (${run.row.name}).`,
        expected: "a run that has ended",
        got: run.row.name,
        action: "Wait for its end, or cancel it first.",
      });
    const id = this.#client.newId();
    const { clock } = this.#backend.ports;
    this.#client.noteStart(id);
    await this.#client.send(id, {
      kind: "start",
      id: `start:${id}:client`,
      flow: run.flow,
      name: runName(id),
      parameters: parameters === undefined ? await this.#parameters() : encode(parameters),
      tags: run.tags,
      createdAt: clock.now(),
      version: run.version,
      // What a flow is told of itself is part of what it was started with. It takes no place of its deployment: nobody asked that for one.
      deployment: run.deployment,
      scheduledTime: run.scheduledTime,
      ...(run.overrides && { overrides: run.overrides }),
      ...(origin ? { origin } : { origin: { run: this.id, from: FROM_THE_START } }),
    });
    return this.#client.get<R>(id);
  }
}

/** @throws WH1003 for a map's result that is no list, or one of another length than the code knows. */
function checkEdited(book: Book, task: string, result: unknown): void {
  const called = [...book.calls.values()].map((record) => record.called).find(({ call }) => placeOf(call) === placeOf(task));
  if (called?.kind !== "map" || (Array.isArray(result) && (called.items === undefined || called.items === result.length))) return;
  throw new WindhoverError("WH1003", {
    message: `"${task}" is a map: its result is the list of its items' results.`,
    expected: called.items === undefined ? "an array" : `an array of ${called.items}`,
    got: Array.isArray(result) ? `an array of ${result.length}` : typeof result,
  });
}

/** No call has this place, so nothing is taken over; the link to the old run is kept. */
const FROM_THE_START = "(start)";
