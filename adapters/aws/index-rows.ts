/** The index in the runs table: a row a run, under three indexes for three questions; deployments; artifacts beside their run. */
import { type DynamoDBClient, GetItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import type { ArtifactRow, DeploymentRow, RunRow } from "../../engine/events.ts";
import type { Clock, Index, RunFilter } from "../../engine/ports.ts";
import { answered, failure, isConditionFailed } from "./failure.ts";
import { knownFlows, noteFlows } from "./known-flows.ts";
import type { Parts } from "./parts.ts";
import type { RunPage } from "./run-list.ts";
import { placeOf } from "./run-place.ts";
import { DAY_MS, expiry, type Item, items, KEEP_MS, number, packed, sortKey, text, unpacked } from "./table.ts";

/** How long the rows of runs are kept after their end, unless the stack says otherwise. Unit: milliseconds. */
const RETENTION_MS = { completed: 90 * DAY_MS, failed: 180 * DAY_MS };

const DEPLOYMENTS = "#deployments";
const ARTIFACT = "artifact/";

/** The indexes of the runs table, by their keys. An item without one of these is not in the index. */
export const RUNS_INDEXES = [
  { index: "byFlow", keys: ["flow", "at"] },
  { index: "byState", keys: ["state", "at"] },
  { index: "byParent", keys: ["parent", "at"] },
] as const;

export function runItem(row: RunRow, retentionMs: number): Item {
  const item: Item = { pk: text(row.id), sk: text("run"), flow: text(row.flow), at: text(placeOf(row)), z: packed(row), seq: number(row.seq) };
  // Most runs have completed, and nobody asks for all of them at once: they are not in the index by state, where each would cost two more writes.
  if (row.state.type !== "COMPLETED" && row.state.type !== "CANCELLED") item["state"] = text(row.state.type);
  if (row.parent !== undefined) item["parent"] = text(row.parent);
  if (row.endedAt !== undefined) item["ttl"] = expiry(row.endedAt + retentionMs);
  return item;
}

export const createIndex = (parts: Pick<Parts, "stack" | "clients" | "clock">): Index => new AwsIndex(parts);

class AwsIndex implements Index {
  readonly #where: Pick<Parts, "stack" | "clients">;
  readonly #client: DynamoDBClient;
  readonly #table: string;
  readonly #clock: Clock;
  readonly #completedMs: number;
  readonly #failedMs: number;
  /** Flows that this process has noted as known. */
  readonly #noted = new Map<string, Promise<void>>();

  constructor({ stack, clients, clock }: Pick<Parts, "stack" | "clients" | "clock">) {
    this.#where = { stack, clients };
    this.#client = clients.dynamodb;
    this.#table = stack.runsTable;
    this.#clock = clock;
    this.#completedMs = stack.retention?.completedMs ?? RETENTION_MS.completed;
    this.#failedMs = stack.retention?.failedMs ?? RETENTION_MS.failed;
  }

  async putRun(row: RunRow): Promise<void> {
    await this.#note(row.flow);
    await this.#replace(runItem(row, this.#retentionMs(row)), row.seq, `the row of run ${row.id}`);
  }

  async run(id: string): Promise<RunRow | null> {
    const get = new GetItemCommand({ TableName: this.#table, Key: { pk: text(id), sk: text("run") }, ConsistentRead: true });
    const { Item: item } = await answered(this.#client.send(get), `reading the row of run ${id}`);
    return item === undefined ? null : unpacked<RunRow>(item, `The row of run ${id}`);
  }

  async runs(filter: RunFilter): Promise<RunPage> {
    // Nothing that takes turns or runs tasks asks for a list.
    const { listRuns } = await import("./run-list.ts");
    return listRuns({ client: this.#client, table: this.#table, flows: () => knownFlows(this.#where) }, filter);
  }

  async putDeployment(row: DeploymentRow): Promise<void> {
    await this.#replace({ pk: text(DEPLOYMENTS), sk: text(sortKey(row.name)), z: packed(row) }, row.seq, `the row of deployment ${row.name}`);
  }

  async deployments(): Promise<readonly DeploymentRow[]> {
    const rows = (await this.#listed(DEPLOYMENTS)).map((item) => unpacked<DeploymentRow>(item, "A deployment's row"));
    return rows.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async putArtifact(row: ArtifactRow): Promise<void> {
    const ttl = expiry(Math.max(row.at, this.#clock.now()) + KEEP_MS);
    const item: Item = { pk: text(row.run), sk: text(ARTIFACT + sortKey(row.id)), z: packed(row), ttl };
    const what = `artifact ${row.key} of run ${row.run}`;
    // One that a task wrote has no number, and is replaced like what is not there.
    await (row.seq === undefined ? this.#write(item, what) : this.#replace(item, row.seq, what, "attribute_not_exists(seq)"));
  }

  async artifacts(run: string): Promise<readonly ArtifactRow[]> {
    const rows = (await this.#listed(run, ARTIFACT)).map((item) => unpacked<ArtifactRow>(item, `An artifact of run ${run}`));
    return rows.sort((a, b) => a.at - b.at);
  }

  #retentionMs({ state }: RunRow): number {
    return state.type === "FAILED" || state.type === "CRASHED" ? this.#failedMs : this.#completedMs;
  }

  /** Lists over all flows ask each flow's, so a flow is known before its first run. Once a process is enough. */
  #note(flow: string): Promise<void> {
    let known = this.#noted.get(flow);
    if (known === undefined) {
      known = noteFlows(this.#where, [flow]);
      known.catch(() => this.#noted.delete(flow));
      this.#noted.set(flow, known);
    }
    return known;
  }

  async #write(item: Item, what: string): Promise<void> {
    await answered(this.#client.send(new PutItemCommand({ TableName: this.#table, Item: item })), `writing ${what}`);
  }

  /** An older one never replaces a newer one, in whatever order they come. */
  async #replace(item: Item, seq: number, what: string, free = "attribute_not_exists(pk)"): Promise<void> {
    const condition = { ConditionExpression: `${free} OR seq < :seq`, ExpressionAttributeValues: { ":seq": number(seq) } };
    try {
      await this.#client.send(new PutItemCommand({ TableName: this.#table, Item: { ...item, seq: number(seq) }, ...condition }));
    } catch (error) {
      if (!isConditionFailed(error)) throw failure(error, `writing ${what}`);
    }
  }

  #listed(pk: string, prefix?: string): Promise<Item[]> {
    const rest = prefix === undefined ? "" : " AND begins_with(sk, :prefix)";
    return items(this.#client, {
      TableName: this.#table,
      ConsistentRead: true,
      KeyConditionExpression: `pk = :pk${rest}`,
      ExpressionAttributeValues: { ":pk": text(pk), ...(prefix !== undefined && { ":prefix": text(prefix) }) },
    });
  }
}
