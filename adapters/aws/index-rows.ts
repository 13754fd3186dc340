/** The index in the runs table: a row a run, under three indexes for three questions; deployments; artifacts beside their run. */
import { GetItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import type { ArtifactRow, DeploymentRow, RunRow } from "../../engine/events.ts";
import type { Index } from "../../engine/ports.ts";
import { answered, failure, isConditionFailed } from "./failure.ts";
import type { Parts } from "./parts.ts";
import { listRuns, placeOf } from "./run-list.ts";
import { DAY_MS, expiry, type Item, items, KEEP_MS, number, packed, sortKey, text, unpacked } from "./table.ts";

/** How long the rows of runs are kept after their end, unless the stack says otherwise. Unit: milliseconds. */
const RETENTION_MS = { completed: 90 * DAY_MS, failed: 180 * DAY_MS };

const DEPLOYMENTS = "#deployments";
const FLOWS = "#flows";
const ARTIFACT = "artifact/";

export function createIndex({ stack, clients, clock }: Pick<Parts, "stack" | "clients" | "clock">): Index {
  const { runsTable: TableName, retention } = stack;
  /** Flows that this process has noted as known. */
  const noted = new Map<string, Promise<void>>();

  const write = async (item: Item, what: string): Promise<void> => {
    await answered(clients.dynamodb.send(new PutItemCommand({ TableName, Item: item })), `writing ${what}`);
  };

  /** An older one never replaces a newer one, in whatever order they come. */
  async function replace(item: Item, seq: number, what: string): Promise<void> {
    const condition = { ConditionExpression: "attribute_not_exists(pk) OR seq < :seq", ExpressionAttributeValues: { ":seq": number(seq) } };
    try {
      await clients.dynamodb.send(new PutItemCommand({ TableName, Item: { ...item, seq: number(seq) }, ...condition }));
    } catch (error) {
      if (!isConditionFailed(error)) throw failure(error, `writing ${what}`);
    }
  }

  /** Lists over all flows ask each flow's, so a flow is known before its first run. Once a process is enough. */
  function note(flow: string): Promise<void> {
    let known = noted.get(flow);
    if (known === undefined) {
      known = write({ pk: text(FLOWS), sk: text(sortKey(flow)), flow: text(flow) }, `the flow ${flow}`);
      known.catch(() => noted.delete(flow));
      noted.set(flow, known);
    }
    return known;
  }

  const listed = (pk: string, prefix = ""): Promise<Item[]> =>
    items(clients.dynamodb, {
      TableName,
      ConsistentRead: true,
      KeyConditionExpression: prefix === "" ? "pk = :pk" : "pk = :pk AND begins_with(sk, :prefix)",
      ExpressionAttributeValues: { ":pk": text(pk), ...(prefix !== "" && { ":prefix": text(prefix) }) },
    });

  function expiresAt({ state, endedAt }: RunRow): number | undefined {
    if (endedAt === undefined) return undefined;
    const failed = state.type === "FAILED" || state.type === "CRASHED";
    return endedAt + (failed ? (retention?.failedMs ?? RETENTION_MS.failed) : (retention?.completedMs ?? RETENTION_MS.completed));
  }

  return {
    async putRun(row) {
      await note(row.flow);
      const expires = expiresAt(row);
      const listedByState = row.state.type !== "COMPLETED" && row.state.type !== "CANCELLED";
      const item: Item = {
        pk: text(row.id),
        sk: text("run"),
        flow: text(row.flow),
        at: text(placeOf(row)),
        z: packed(row),
        ...(listedByState && { state: text(row.state.type) }),
        ...(row.parent !== undefined && { parent: text(row.parent) }),
        ...(expires !== undefined && { ttl: expiry(expires) }),
      };
      await replace(item, row.seq, `the row of run ${row.id}`);
    },

    async run(id) {
      const Key = { pk: text(id), sk: text("run") };
      const { Item: item } = await answered(
        clients.dynamodb.send(new GetItemCommand({ TableName, Key, ConsistentRead: true })),
        `reading the row of run ${id}`,
      );
      return item === undefined ? null : unpacked<RunRow>(item, `The row of run ${id}`);
    },

    runs: (filter) =>
      listRuns({ client: clients.dynamodb, table: TableName, flows: async () => (await listed(FLOWS)).map((item) => item["flow"]?.S as string) }, filter),

    putDeployment: (row) => replace({ pk: text(DEPLOYMENTS), sk: text(sortKey(row.name)), z: packed(row) }, row.seq, `the row of deployment ${row.name}`),

    async deployments() {
      const rows = (await listed(DEPLOYMENTS)).map((item) => unpacked<DeploymentRow>(item, "A deployment's row"));
      return rows.sort((a, b) => (a.name < b.name ? -1 : 1));
    },

    putArtifact: (row) =>
      write(
        { pk: text(row.run), sk: text(ARTIFACT + sortKey(row.id)), z: packed(row), ttl: expiry(Math.max(row.at, clock.now()) + KEEP_MS) },
        `artifact ${row.key} of run ${row.run}`,
      ),

    async artifacts(run) {
      const rows = (await listed(run, ARTIFACT)).map((item) => unpacked<ArtifactRow>(item, `An artifact of run ${run}`));
      return rows.sort((a, b) => a.at - b.at);
    },
  };
}
