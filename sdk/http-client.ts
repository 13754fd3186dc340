/**
 * The client of a server: `server/`'s JSON API over HTTP. Values go and come tagged as our codec writes them, so that a Date stays a Date and an error keeps its class; what
 * the server refuses is thrown as the same WindhoverError that it would throw here.
 */
import { decode, decodeError, encode } from "../engine/codec.ts";
import { WindhoverError } from "../engine/errors.ts";
import type { StateRow, StateType } from "../engine/events.ts";
import { inputProblem } from "../engine/run.ts";
import { check } from "../engine/schema.ts";
import { isFinal, type State } from "../engine/state.ts";
import type { Client, Run, RunSummary } from "./client-types.ts";
import { type Deployment, isDeployment } from "./deployment.ts";
import type { Duration } from "./duration.ts";
import type { Flow } from "./flow.ts";
import { startable } from "./flow-variant.ts";
import { Connection, type HttpTarget } from "./http-connection.ts";
import { type LimitView, limitSettings } from "./ports-client.ts";
import { stateOf, summaryOf } from "./summary.ts";
import type { RunInput } from "./waits.ts";

interface StateAnswer {
  readonly type: StateType;
  readonly name: string;
  readonly message?: string;
  readonly timestamp: string;
  readonly reason?: {
    readonly code: string;
    readonly message: string;
    readonly since: string;
    readonly until?: string;
    readonly blockedBy?: readonly string[];
  };
  readonly scheduledTime?: string;
  readonly continuedAs?: string;
  readonly result?: unknown;
  readonly error?: unknown;
}
interface RunAnswer {
  readonly id: string;
  readonly name: string;
  readonly flow: string;
  readonly deployment?: string;
  readonly tags: readonly string[];
  readonly createdAt: string;
  readonly startedAt?: string;
  readonly endedAt?: string;
  readonly scheduledTime?: string;
  readonly state: StateAnswer;
}

export class HttpClient implements Client {
  readonly #connection: Connection;
  constructor(target: HttpTarget) {
    this.#connection = new Connection(target);
  }

  async run<P, R>(
    target: Flow<P, R> | Deployment<P, R> | string,
    parameters?: Partial<P>,
    options: NonNullable<Parameters<Client["run"]>[2]> = {},
  ): Promise<Run<R>> {
    const { scheduledTime, idempotencyKey = globalThis.crypto.randomUUID(), name } = options;
    const { tags: own = [], ...what } = named(target);
    const tags = [...new Set([...own, ...(options.tags ?? [])])];
    // With a key of its own a start can be sent again when its answer is lost.
    const answer = await this.#connection.ask<{ readonly id: string }>("POST", "api/runs", {
      again: true,
      body: {
        ...what,
        parameters: tagged(parameters ?? {}),
        idempotencyKey,
        ...(scheduledTime && { scheduledTime: scheduledTime.toISOString() }),
        ...(tags.length > 0 && { tags }),
        ...(name !== undefined && { name }),
      },
    });
    return this.get<R>(answer.id);
  }

  get<R = unknown>(runId: string): Run<R> {
    return new HttpRun<R>(this, this.#connection, runId);
  }

  async runs(filter: Parameters<Client["runs"]>[0] = {}): Promise<{ readonly runs: readonly RunSummary[]; readonly cursor?: string }> {
    const { flow, deployment, state, tag, since, until, limit, cursor } = filter;
    const query = {
      flow,
      deployment,
      state: Array.isArray(state) ? state.join(",") : (state as string | undefined),
      tag,
      since: since?.toISOString(),
      until: until?.toISOString(),
      limit: limit === undefined ? undefined : String(limit),
      cursor,
    };
    const { runs, cursor: next } = await this.#connection.ask<{ readonly runs: readonly RunAnswer[]; readonly cursor?: string }>("GET", "api/runs", { query });
    return { runs: runs.map(summary), ...(next !== undefined && { cursor: next }) };
  }

  async setLimit(name: string, limit: number | { readonly limit: number; readonly per: Duration } | null): Promise<void> {
    const { slots } = limitSettings(name, limit);
    const path = `api/limits/${encodeURIComponent(name)}`;
    if (slots !== null) {
      const per = typeof limit === "object" && limit !== null ? { per: limit.per } : {};
      return void (await this.#connection.ask("PUT", path, { again: true, body: { limit: slots, ...per } }));
    }
    await this.#connection.ask("DELETE", path).catch((error: unknown) => {
      // It is gone already.
      if (!(error instanceof WindhoverError && error.code === "WH2011")) throw error;
    });
  }
  async limits(): Promise<readonly LimitView[]> {
    return (await this.#connection.ask<{ readonly limits: readonly LimitView[] }>("GET", "api/limits")).limits;
  }
  async close(): Promise<void> {
    this.#connection.close();
  }
}

/** What a request names, and what the flow's own object adds to it. */
function named(target: unknown): { readonly [name: string]: unknown; readonly tags?: readonly string[] } {
  if (typeof target === "string") return { target };
  if (isDeployment(target)) return { deployment: target.name };
  const { definition, tags, overrides } = startable(target);
  return { flow: definition.name, ...(tags && { tags }), ...(Object.keys(overrides).length > 0 && { overrides }) };
}

const tagged = (value: unknown): unknown => JSON.parse(encode(value));
const ms = (iso: string | undefined): number | undefined => (iso === undefined ? undefined : Date.parse(iso));

function rowOf({ type, name, message, timestamp, reason }: StateAnswer): StateRow {
  return {
    type,
    name,
    timestamp: Date.parse(timestamp),
    ...(message !== undefined && { message }),
    ...(reason && { reason: { ...reason, since: Date.parse(reason.since), until: ms(reason.until) } as StateRow["reason"] & object }),
  };
}

function summary({ state, createdAt, startedAt, endedAt, scheduledTime, ...run }: RunAnswer): RunSummary {
  const times = { startedAt: ms(startedAt), endedAt: ms(endedAt), scheduledTime: ms(scheduledTime) };
  return summaryOf({ ...run, ...times, seq: 0, createdAt: Date.parse(createdAt), state: rowOf(state) });
}

class HttpRun<R> implements Run<R> {
  readonly id: string;
  readonly #client: HttpClient;
  readonly #connection: Connection;
  constructor(client: HttpClient, connection: Connection, id: string) {
    this.#client = client;
    this.#connection = connection;
    this.id = id;
  }
  #path(rest: string, id = this.id): string {
    return `api/runs/${encodeURIComponent(id)}/${rest}`;
  }

  async state(): Promise<State<R>> {
    const answer = await this.#connection.ask<StateAnswer>("GET", this.#path("state"));
    return stateOf(rowOf(answer), ms(answer.scheduledTime), resultOf(answer), errorOf(answer)) as State<R>;
  }

  async result(): Promise<R> {
    for (let id = this.id, looks = 0; ; looks++) {
      const answer = await this.#connection.ask<StateAnswer>("GET", this.#path("state", id));
      if (answer.continuedAs !== undefined) id = answer.continuedAs;
      else if (!isFinal(answer.type)) await this.#connection.pause(looks);
      else if (answer.type === "COMPLETED") return resultOf(answer) as R;
      else if (answer.error !== undefined) throw errorOf(answer);
      else
        throw new WindhoverError("WH2008", {
          message: `The run ${this.id} ended as ${answer.name}${answer.message ? `: ${answer.message}` : ""}.`,
          expected: "COMPLETED",
          got: answer.type,
        });
    }
  }

  async cancel(): Promise<void> {
    await this.#connection.ask("POST", this.#path("cancel"), { again: true, body: {} });
  }
  async pause(): Promise<void> {
    await this.#connection.ask("POST", this.#path("pause"));
  }
  async resume(): Promise<void> {
    await this.#connection.ask("POST", this.#path("resume"));
  }
  async retry(): Promise<Run<R>> {
    return this.#client.get<R>((await this.#connection.ask<{ readonly id: string }>("POST", this.#path("retry"))).id);
  }
  async rerunFrom(taskId: string, edits: { readonly parameters?: unknown; readonly result?: unknown } = {}): Promise<Run<R>> {
    const body = {
      from: taskId,
      ...(edits.parameters !== undefined && { parameters: tagged(edits.parameters) }),
      ...("result" in edits && { result: tagged(edits.result) }),
    };
    return this.#client.get<R>((await this.#connection.ask<{ readonly id: string }>("POST", this.#path("rerun"), { body })).id);
  }
  async input<T>(input: RunInput<T>, value: T): Promise<void> {
    const { name } = input;
    const { schema } = input as unknown as { readonly schema?: Parameters<typeof check>[0] };
    const checked = schema && (await check(schema, value, (got, issues) => inputProblem(name, got, issues)));
    if (checked && !checked.ok) throw checked.error;
    await this.#connection.ask("POST", this.#path("input"), { body: { name, value: tagged(value) } });
  }
}

const resultOf = ({ result }: StateAnswer): unknown => (result === undefined ? undefined : decode(JSON.stringify(result)));
const errorOf = ({ error }: StateAnswer): unknown => (error === undefined ? undefined : decodeError(JSON.stringify(error)));
