/** The client over any backend's ports: what the command line, the server, scripts and tests use. */
import { Book } from "../engine/book.ts";
import { decode, encode, encodeError, hash } from "../engine/codec.ts";
import type { Code, FlowDefinition } from "../engine/definition.ts";
import { durationMs, WindhoverError } from "../engine/errors.ts";
import type { DeploymentRow, Entry, FlowOverrides, Payload, StateRow, StateType } from "../engine/events.ts";
import type { LimitState } from "../engine/limit.ts";
import { LIMITS } from "../engine/limits.ts";
import { deploymentActor, limitActor, type Message, runActor, type StartMessage } from "../engine/messages.ts";
import { runName } from "../engine/names.ts";
import { dropOldest } from "../engine/oldest.ts";
import { readPayload } from "../engine/payload.ts";
import type { Ports } from "../engine/ports.ts";
import type { RunState } from "../engine/run-state.ts";
import { masked } from "../engine/secrecy.ts";
import type { Client, Run, RunSummary } from "./client-types.ts";
import { type Deployment, type DeploymentDefinition, isDeployment } from "./deployment.ts";
import type { Duration } from "./duration.ts";
import type { Flow } from "./flow.ts";
import { startable } from "./flow-variant.ts";
import { PortsRun } from "./ports-run.ts";
import { runRows } from "./run-rows.ts";
import { summaryOf, unknownRun } from "./summary.ts";

export interface ClientPorts {
  readonly ports: Ports;
  readonly code: Code;
  /** Resolves when the run may have ended: told by the worker, or after a while. */
  readonly changed: (actor: string) => Promise<unknown>;
  /** Flows whose code runs elsewhere: their runs can be started by name, and what they take is checked in the run itself. */
  readonly flowsElsewhere?: () => Promise<readonly string[]>;
  /** How a run ended, where that is still in memory. */
  readonly ended?: (actor: string) => RunState | undefined;
  readonly close?: () => Promise<void>;
}

export interface RunOptions {
  readonly idempotencyKey?: string;
  readonly scheduledTime?: Date;
  readonly tags?: readonly string[];
  readonly name?: string;
  /** A run's id that was chosen before. */
  readonly id?: string;
  readonly overrides?: FlowOverrides;
}

export class PortsClient implements Client {
  readonly #backend: ClientPorts;
  /** By deployment: what it was told last. */
  readonly #configured = new Map<string, { readonly revision: string; readonly sent: Promise<void> }>();
  readonly #started = new Set<string>();
  constructor(backend: ClientPorts) {
    this.#backend = backend;
  }
  get ports(): Ports {
    return this.#backend.ports;
  }

  /** Remembered when a run's start is sent, until something is written of it. */
  noteStart(run: string): void {
    this.#started.add(run);
    dropOldest(this.#started, LIMITS.startsRemembered);
  }
  noteWritten(run: string): void {
    this.#started.delete(run);
  }
  /** This client started it: it is on its way even where nothing is written yet. */
  hasStarted(run: string): boolean {
    return this.#started.has(run);
  }

  async run<P, R>(target: Flow<P, R> | Deployment<P, R> | string, parameters?: Partial<P>, options: RunOptions = {}): Promise<Run<R>> {
    if (typeof target === "string") return this.#runByName(target, parameters, options) as Promise<Run<R>>;
    if (isDeployment(target)) return this.#runDeployment(target, parameters, options) as Promise<Run<R>>;
    const { definition, tags = [], overrides } = startable(target);
    // The object decides which code this name means here.
    if (this.#backend.code.flows.get(definition.name) !== definition) this.#backend.code.flows.set(definition.name, definition);
    const own = { ...options, tags: [...tags, ...(options.tags ?? [])], overrides: { ...overrides, ...options.overrides } };
    return this.start(definition, parameters, own) as Promise<Run<R>>;
  }

  /** Starts a run of a flow that is defined here. */
  async start(definition: FlowDefinition, parameters: unknown, options: RunOptions = {}): Promise<PortsRun<unknown>> {
    const { name, version, tags } = definition;
    return this.#send(name, parameters, { ...options, tags: [...new Set([...(tags ?? []), ...(options.tags ?? [])])] }, version);
  }

  async #send(flow: string, parameters: unknown, options: RunOptions, version?: string): Promise<PortsRun<unknown>> {
    const { clock, index, mailbox, timers } = this.ports;
    const id = this.#idFor(flow, options);
    this.noteStart(id);
    const now = clock.now();
    const at = options.scheduledTime?.getTime();
    const message: StartMessage = {
      kind: "start",
      id: `start:${id}:client`,
      flow,
      name: masked(options.name ?? runName(id)),
      parameters: await this.#payload(parameters ?? {}),
      tags: options.tags?.map(masked),
      createdAt: now,
      scheduledTime: at,
      version,
      overrides: Object.keys(options.overrides ?? {}).length > 0 ? options.overrides : undefined,
    };
    if (at !== undefined && at > now) {
      const state = scheduled(now, at);
      await timers.set(runActor(id), "start", at, message);
      await index.putRun({ id, seq: 0, name: message.name, flow, tags: message.tags ?? [], createdAt: now, scheduledTime: at, version, state });
    } else await mailbox.send(runActor(id), message);
    return this.get(id) as PortsRun<unknown>;
  }
  #idFor(scope: string, { id, idempotencyKey }: RunOptions): string {
    return id ?? (idempotencyKey === undefined ? this.newId() : hash(`${scope}/key/${idempotencyKey}`).slice(0, 16));
  }
  newId(): string {
    return hash(this.ports.random.id()).slice(0, 16);
  }
  async #payload(value: unknown): Promise<Payload> {
    const text = encode(value, { name: "parameters" });
    return text.length > LIMITS.sentChars ? { ref: await this.ports.results.put(text), chars: text.length } : text;
  }

  async #runByName(name: string, parameters: unknown, options: RunOptions): Promise<Run<unknown>> {
    const flow = this.#backend.code.flows.get(name);
    if (flow) return this.start(flow, parameters, options);
    const known = await this.ports.index.deployments();
    const deployment = known.find((row) => row.name === name);
    if (deployment) return this.#trigger(deployment.name, parameters, options);
    const elsewhere = await this.#flowsElsewhere(known);
    if (elsewhere.has(name)) return this.#send(name, parameters, options);
    const names = [...new Set([...this.#backend.code.flows.keys(), ...elsewhere, ...known.map((row) => row.name)])].sort();
    throw new WindhoverError("WH2001", {
      message: `No flow or deployment is called "${name}".`,
      expected: names.length > 0 ? `one of ${names.join(", ")}` : "the name of a flow or deployment",
      got: name,
    });
  }

  /** A flow by its name, whether its code is here or where its runs run. @throws WH2001 */
  async runFlow(name: string, parameters: unknown, options: RunOptions = {}): Promise<Run<unknown>> {
    const flow = this.#backend.code.flows.get(name);
    if (flow) return this.start(flow, parameters, options);
    const elsewhere = await this.#flowsElsewhere(await this.ports.index.deployments());
    if (elsewhere.has(name)) return this.#send(name, parameters, options);
    const names = [...new Set([...this.#backend.code.flows.keys(), ...elsewhere])].sort();
    throw new WindhoverError("WH2001", {
      message: `No flow is called "${name}".`,
      expected: names.length > 0 ? `one of ${names.join(", ")}` : "an entry that exports a flow",
      got: name,
    });
  }
  async #flowsElsewhere(deployments: readonly DeploymentRow[]): Promise<ReadonlySet<string>> {
    const { flowsElsewhere } = this.#backend;
    return new Set(flowsElsewhere ? [...(await flowsElsewhere()), ...deployments.map(({ flow }) => flow)] : []);
  }

  /** By name alone, for a deployment whose code may be loaded elsewhere. @throws WH2003 */
  async runDeployment(name: string, parameters: unknown, options: RunOptions = {}): Promise<Run<unknown>> {
    await this.#known(name);
    return this.#trigger(name, parameters, options);
  }
  async #runDeployment(deployment: DeploymentDefinition, parameters: unknown, options: RunOptions): Promise<Run<unknown>> {
    // What is deployed elsewhere is as it was deployed: a client's own copy of the code does not change it.
    if (this.#backend.flowsElsewhere) await this.#known(deployment.name);
    else await this.configure(deployment);
    return this.#trigger(deployment.name, parameters, options, deployment);
  }
  /** A run that ends as Failed at once: it says what is wrong with the event that came for the deployment, and keeps the event as its parameters. */
  async runProblem(
    deployment: DeploymentDefinition,
    problem: WindhoverError,
    { id, createdAt, event }: { readonly id: string; readonly createdAt: Date; readonly event: unknown },
  ): Promise<void> {
    await this.configure(deployment);
    await this.ports.mailbox.send(deploymentActor(deployment.name), {
      kind: "trigger",
      id: `trigger:${id}`,
      run: id,
      name: runName(id),
      createdAt: createdAt.getTime(),
      parameters: await this.#payload({ event }),
      problem: encodeError(problem),
    });
  }
  /** Tells the deployment what the code says now; the same again changes nothing. */
  configure({ name, revision, settings, definition }: DeploymentDefinition): Promise<void> {
    if (!this.#backend.code.flows.has(definition.name)) this.#backend.code.flows.set(definition.name, definition);
    const last = this.#configured.get(name);
    if (last?.revision === revision) return last.sent;
    const sent = this.ports.mailbox.send(deploymentActor(name), { kind: "configure", id: `configure:${name}:${revision}`, revision, settings });
    this.#configured.set(name, { revision, sent });
    // The next call says it anew.
    sent.catch(() => this.#configured.get(name)?.sent === sent && this.#configured.delete(name));
    return sent;
  }
  async #trigger(name: string, parameters: unknown, options: RunOptions, deployment?: DeploymentDefinition): Promise<Run<unknown>> {
    const { clock, index, log, mailbox, results, timers } = this.ports;
    const run = this.#idFor(name, options);
    this.noteStart(run);
    const local = this.#backend.flowsElsewhere ? undefined : deployment?.settings;
    const tail = local ? null : await log.tail(deploymentActor(name));
    const settings = local ?? (tail?.state.kind === "deployment" ? tail.state.settings : undefined);
    const base = settings?.parameters ?? "{}";
    const merged = { ...((await readPayload(base, results)) as object), ...(parameters as object) };
    const key = deployment?.key?.(merged);
    const [now, at] = [clock.now(), options.scheduledTime?.getTime()];
    const message: Message = {
      kind: "trigger",
      id: `trigger:${run}`,
      run,
      parameters: await this.#payload(merged),
      tags: options.tags,
      name: options.name ?? runName(run),
      scheduledTime: at,
      createdAt: now,
      ...(key !== undefined && { concurrencyKey: key }),
    };
    if (at === undefined || at <= now) await mailbox.send(deploymentActor(name), message);
    else {
      const { flow = "", tags = [], version } = settings ?? {};
      // The timer first: a row that nothing stands behind would wait for ever.
      await timers.set(deploymentActor(name), `trigger:${run}`, at, message);
      await index.putRun({
        id: run,
        seq: 0,
        name: message.name ?? run,
        flow,
        deployment: name,
        tags: [...new Set([...tags, ...(options.tags ?? [])])],
        createdAt: now,
        scheduledTime: at,
        version,
        state: scheduled(now, at),
      });
    }
    return this.get(run);
  }

  get<R = unknown>(runId: string): Run<R> {
    return new PortsRun<R>(this, this.#backend, runId);
  }

  async runs(filter: Parameters<Client["runs"]>[0] = {}): Promise<{ readonly runs: readonly RunSummary[]; readonly cursor?: string }> {
    const { flow, deployment, state, tag, since, until, limit, cursor } = filter;
    const states = state === undefined ? undefined : ((Array.isArray(state) ? state : [state]) as StateType[]);
    const page = await runRows(this.ports, { flow, deployment, states, tag, since: since?.getTime(), until: until?.getTime(), limit, cursor });
    return { runs: page.rows.map(summaryOf), ...(page.cursor !== undefined && { cursor: page.cursor }) };
  }
  /** With the next times as of now: a deployment that need not remember its ticks writes no row at each. */
  async deployments(): Promise<readonly DeploymentRow[]> {
    const now = this.ports.clock.now();
    const rows = await this.ports.index.deployments();
    // Only here: a function that serves the API starts without what reads schedules.
    const { nextTime } = await import("../engine/schedule.ts");
    return rows.map((row) => ({
      ...row,
      schedules: row.schedules.map(({ spec, ...schedule }) => {
        const next = spec && schedule.active && !row.paused ? (nextTime(spec, now) ?? undefined) : schedule.next;
        return { ...schedule, next };
      }),
    }));
  }
  /** @throws WH2003 for an unknown deployment. */
  async setDeployment(name: string, action: "pause" | "resume"): Promise<void> {
    await this.#known(name);
    await this.ports.mailbox.send(deploymentActor(name), { kind: action, id: `${action}:${this.ports.random.id()}` });
  }

  async #known(name: string): Promise<void> {
    const rows = await this.deployments();
    if (rows.some((row) => row.name === name)) return;
    throw new WindhoverError("WH2003", {
      message: `No deployment is called "${name}".`,
      expected: rows.length > 0 ? `one of ${rows.map((row) => row.name).join(", ")}` : "a deployment that was run or served before",
      got: name,
    });
  }

  async setLimit(name: string, limit: number | { readonly limit: number; readonly per: Duration } | null): Promise<void> {
    const { slots, perSeconds } = limitSettings(name, limit);
    const { clock, mailbox, random, registry } = this.ports;
    await registry.put("limit", name, slots === null ? null : { value: encode({ limit: slots, perSeconds }), updatedAt: clock.now() });
    await mailbox.send(limitActor(name), { kind: "configure", id: `configure:${random.id()}`, limit: slots, perSeconds });
  }
  async limits(): Promise<readonly LimitView[]> {
    const rows = await this.ports.registry.list("limit");
    return Promise.all(
      rows.map(async ({ key, value }) => {
        const settings = decode(value.value as string) as { limit: number; perSeconds?: number };
        const state = (await this.ports.log.tail(limitActor(key)))?.state as LimitState | undefined;
        return {
          name: key,
          limit: settings.limit,
          ...(settings.perSeconds !== undefined && { perSeconds: settings.perSeconds }),
          holders: state?.holders.map((h) => h.request) ?? [],
          waiters: state?.waiters.map((w) => w.request) ?? [],
        };
      }),
    );
  }
  async setVariable(name: string, value: unknown): Promise<void> {
    await this.ports.registry.put("variable", name, value === undefined ? null : { value: encode(value), updatedAt: this.ports.clock.now() });
  }

  /** A run's whole log. @throws WH2002 */
  async history(runId: string): Promise<readonly Entry[]> {
    const entries = await this.ports.log.read(runActor(runId));
    if (entries.length === 0) throw unknownRun(runId);
    return entries;
  }
  async bookOf(runId: string): Promise<Book> {
    return Book.from(await this.history(runId));
  }
  send(runId: string, message: Message): Promise<void> {
    return this.ports.mailbox.send(runActor(runId), message);
  }
  async close(): Promise<void> {
    await this.#backend.close?.();
  }
}

/** @throws WH1003 for a limit that cannot be, WH1004 for its period. */
export function limitSettings(
  name: string,
  limit: number | { readonly limit: number; readonly per: Duration } | null,
): { readonly slots: number | null; readonly perSeconds: number | undefined } {
  const slots = typeof limit === "object" && limit !== null ? limit.limit : limit;
  if (typeof name !== "string" || name === "" || (slots !== null && (!Number.isInteger(slots) || slots < 0)))
    throw new WindhoverError("WH1003", {
      message: `The limit "${name}" cannot be ${slots}.`,
      expected: "a name, and a whole number from 0 on, or null",
      got: String(slots),
    });
  return { slots, perSeconds: typeof limit === "object" && limit !== null ? durationMs(limit.per) / 1000 : undefined };
}

const scheduled = (now: number, at: number): StateRow => ({
  type: "SCHEDULED",
  name: "Scheduled",
  timestamp: now,
  reason: { code: "scheduled", message: "It waits for its time.", since: now, until: at },
});

export interface LimitView {
  readonly name: string;
  readonly limit: number;
  readonly perSeconds?: number;
  readonly holders: readonly string[];
  readonly waiters: readonly string[];
}
