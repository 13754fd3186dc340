/**
 * What starts deployments' runs besides schedules and webhooks, where no event bus does it: events that flows emit, and states that runs reach. A run's id is made of the
 * event's, so that an event that is seen twice (after a restart, or by two processes) is one run; how far we have read is kept, so that none is missed while nothing ran.
 */
import { decode, encode, hash } from "../engine/codec.ts";
import { WindhoverError } from "../engine/errors.ts";
import type { Entry, Payload, RunRow, StateType } from "../engine/events.ts";
import { readPayload } from "../engine/payload.ts";
import type { DeploymentDefinition } from "../sdk/deployment.ts";
import type { PortsClient } from "../sdk/ports-client.ts";
import { summaryOf } from "../sdk/summary.ts";
import { sourceOf } from "./deployments.ts";
import { matches, unknownFilter } from "./event-pattern.ts";

/** Events of all processes in their order, and a bell that rings when there may be new ones. */
export interface EventFeed {
  subscribe(ring: () => void): () => void;
  events(after?: number, limit?: number): Promise<readonly FedEvent[]>;
}
interface FedEvent {
  readonly seq: number;
  readonly id: string;
  readonly type: string;
  readonly at: number;
  readonly detail: Payload;
}
interface EventTrigger {
  readonly kind: "event";
  readonly source: string;
  readonly detailType?: string;
  readonly detail?: Readonly<Record<string, unknown>>;
  readonly parameters?: (event: { readonly id: string; readonly detail: unknown; readonly time: Date }) => object;
}
interface RunStateTrigger {
  readonly kind: "run-state";
  readonly flow: string;
  readonly state: StateType;
  readonly parameters?: (run: ReturnType<typeof summaryOf>) => object;
}
/** What a run is started by. */
interface Cause {
  /** Tells this event from all others, within the deployment: `event/<id>`. */
  readonly id: string;
  /** When it happened. Unit: milliseconds since 1970. */
  readonly at: number;
  /** Kept as the parameters of a run that could not be started with what was made of it. */
  readonly event: unknown;
}
interface Bound<T> {
  readonly deployment: DeploymentDefinition;
  readonly trigger: T;
}

/** Events that flows emit have this source; an event's type is its `detailType`. */
export const EMITTED = "windhover";
const KIND = "trigger";
const PAGE = 100;
/** Runs that are looked through at the start for states that were reached while nothing was running. */
const LOOK_BACK = 1000;

export class Triggers {
  readonly #client: PortsClient;
  readonly #feed: EventFeed;
  readonly #deployments: () => readonly DeploymentDefinition[];
  readonly #onError: (error: unknown) => void;
  #unsubscribe: (() => void) | undefined;
  #seq = 0;
  /** One thing after the other, so that how far we are never runs ahead of what was done. */
  #line: Promise<void> = Promise.resolve();
  #reading = false;

  constructor(client: PortsClient, feed: EventFeed, deployments: () => readonly DeploymentDefinition[], onError: (error: unknown) => void) {
    this.#client = client;
    this.#feed = feed;
    this.#deployments = deployments;
    this.#onError = onError;
  }

  /** Makes up for what happened since it was last served. What happened before it was ever served starts nothing. */
  async start(): Promise<void> {
    const known = await this.#mark("events");
    this.#seq = known ?? (await this.#end());
    if (known === undefined) await this.#remember("events", this.#seq);
    this.#unsubscribe = this.#feed.subscribe(() => this.#ring());
    this.#ring();
    await this.lookBack();
  }
  /** Also after other deployments were loaded. */
  lookBack(): Promise<void> {
    return this.#queue(async () => {
      for (const bound of this.#all<RunStateTrigger>("run-state")) await this.#lookBack(bound);
    });
  }
  /** Waits for what is under way. */
  async stop(): Promise<void> {
    this.#unsubscribe?.();
    await this.#line;
  }

  /** Told of every entry that this process appends. */
  noteEntry({ effects }: Pick<Entry, "effects">): void {
    for (const effect of effects) {
      if (effect.do !== "index") continue;
      for (const bound of this.#all<RunStateTrigger>("run-state"))
        if (reached(bound.trigger, effect.row)) void this.#queue(() => this.#launchFor(bound, effect.row));
    }
  }

  #ring(): void {
    if (this.#reading) return;
    this.#reading = true;
    void this.#queue(async () => {
      this.#reading = false;
      for (let page = await this.#feed.events(this.#seq, PAGE); page.length > 0; page = await this.#feed.events(this.#seq, PAGE)) {
        for (const event of page) await this.#event(event);
        await this.#remember("events", this.#seq);
      }
    });
  }
  async #event(event: FedEvent): Promise<void> {
    for (const { deployment, trigger } of this.#all<EventTrigger>("event")) {
      if (trigger.source !== EMITTED || (trigger.detailType !== undefined && trigger.detailType !== event.type)) continue;
      const detail = await readPayload(event.detail, this.#client.ports.results);
      if (trigger.detail && !matches(trigger.detail, detail)) continue;
      const { id, at, type } = event;
      const cause: Cause = { id: `event/${id}`, at, event: { id, type, detail } };
      await this.#launch(deployment, cause, () => trigger.parameters?.({ id, detail, time: new Date(at) }));
    }
    this.#seq = event.seq;
  }

  async #lookBack(bound: Bound<RunStateTrigger>): Promise<void> {
    const { flow, state } = bound.trigger;
    const mark = await this.#mark(markOf(bound));
    if (mark === undefined) return this.#remember(markOf(bound), this.#client.ports.clock.now());
    const missed: RunRow[] = [];
    let cursor: string | undefined;
    for (let seen = 0; seen < LOOK_BACK; seen += PAGE) {
      const page = await this.#client.ports.index.runs({ flow, states: [state], limit: PAGE, cursor });
      missed.push(...page.rows.filter((row) => row.state.timestamp >= mark));
      cursor = page.cursor;
      if (cursor === undefined) break;
    }
    for (const row of missed.sort((a, b) => a.state.timestamp - b.state.timestamp)) await this.#launchFor(bound, row);
  }
  async #launchFor(bound: Bound<RunStateTrigger>, row: RunRow): Promise<void> {
    const { type, timestamp } = row.state;
    const cause: Cause = { id: `run/${row.id}/${type}/${timestamp}`, at: timestamp, event: { run: row.id, flow: row.flow, state: type } };
    await this.#launch(bound.deployment, cause, () => bound.trigger.parameters?.(summaryOf(row)));
    await this.#remember(markOf(bound), timestamp);
  }

  /** What cannot be started with its event costs that event alone, and is a run that fails with the reason. Where the backend does not answer, the event stays for later. */
  async #launch(deployment: DeploymentDefinition, cause: Cause, parameters: () => object | undefined): Promise<void> {
    const run = hash(`${deployment.name}/${cause.id}`).slice(0, 16);
    try {
      await this.#client.run(deployment, (await parameters()) ?? {}, { id: run });
    } catch (error) {
      if (error instanceof WindhoverError && error.code.startsWith("WH3")) throw error;
      const problem = new WindhoverError("WH1101", {
        message: `A trigger of "${deployment.name}" could not make parameters: ${error instanceof Error ? error.message : String(error)}`,
        got: cause.id,
        cause: error,
      });
      this.#onError(problem);
      await this.#client.runProblem(deployment, problem, { id: run, createdAt: new Date(cause.at), event: cause.event });
    }
  }

  #all<T>(kind: string): Bound<T>[] {
    return this.#deployments().flatMap((deployment) =>
      deployment.triggers.filter((trigger) => trigger.kind === kind).map((trigger) => ({ deployment, trigger: trigger as T })),
    );
  }
  #queue(work: () => Promise<void>): Promise<void> {
    this.#line = this.#line.then(work).catch((error) => this.#onError(error));
    return this.#line;
  }
  async #end(): Promise<number> {
    let last = 0;
    for (let page = await this.#feed.events(last, PAGE); page.length > 0; page = await this.#feed.events(last, PAGE)) last = (page.at(-1) as FedEvent).seq;
    return last;
  }
  async #mark(name: string): Promise<number | undefined> {
    const found = await this.#client.ports.registry.get(KIND, name);
    return found ? (decode(found.value as string) as number) : undefined;
  }
  async #remember(name: string, value: number): Promise<void> {
    await this.#client.ports.registry.put(KIND, name, { value: encode(value), updatedAt: this.#client.ports.clock.now() });
  }
}

const reached = ({ flow, state }: RunStateTrigger, row: RunRow): boolean => row.flow === flow && row.state.type === state;
const markOf = ({ deployment, trigger }: Bound<RunStateTrigger>): string => `${deployment.name}/${trigger.flow}/${trigger.state}`;

/** Triggers that only AWS can serve: WH2014, one for each. */
export function unserved(deployments: readonly DeploymentDefinition[]): readonly WindhoverError[] {
  return deployments.flatMap(({ name, triggers }) =>
    triggers.flatMap((trigger) => {
      const why = whyNot(trigger as unknown as Readonly<Record<string, unknown>>);
      return why === null
        ? []
        : [
            new WindhoverError("WH2014", {
              message: `"${name}" will not be started by ${sourceOf(trigger as unknown as Readonly<Record<string, unknown>>)}: ${why}.`,
              expected: "a webhook, an emitted event, a run's state, or a schedule",
              got: trigger.kind,
              action: `Start it by hand: windhover deployments run ${name}`,
            }),
          ];
    }),
  );
}

function whyNot(trigger: Readonly<Record<string, unknown>>): string | null {
  if (trigger["kind"] === "s3") return "events of S3 do not reach this machine";
  if (trigger["kind"] === "queue") return "queues of SQS are not read on this machine";
  if (trigger["kind"] !== "event") return null;
  if (trigger["source"] !== EMITTED) return `only events that flows emit (source "${EMITTED}") reach this machine`;
  const filter = unknownFilter((trigger["detail"] ?? {}) as Readonly<Record<string, unknown>>);
  return filter === null ? null : `the filter "${filter}" is not known here`;
}
