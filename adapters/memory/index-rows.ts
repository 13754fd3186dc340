/** The index: rows as JSON texts, and beside each run's the values that filters ask for. */
import { WindhoverError } from "../../engine/errors.ts";
import type { ArtifactRow, DeploymentRow, RunRow } from "../../engine/events.ts";
import type { Index } from "../../engine/ports.ts";
import { matches } from "../../engine/run-filter.ts";

interface Row<R> {
  /** What is handed out is parsed anew each time. */
  readonly text: string;
  /** Ours alone, for sorting and filtering. */
  readonly own: R;
}

export interface IndexState {
  readonly runs: Map<string, Row<RunRow>>;
  /** All runs, the newest first; null when it has to be sorted again. */
  sorted: Row<RunRow>[] | null;
  readonly deployments: Map<string, Row<DeploymentRow>>;
  readonly artifacts: Map<string, Map<string, Row<ArtifactRow>>>;
}

export const emptyIndex = (): IndexState => ({ runs: new Map(), sorted: null, deployments: new Map(), artifacts: new Map() });

/** Rows of a page for which no limit was given. */
const PAGE = 100;

interface Place {
  readonly createdAt: number;
  readonly id: string;
}

/** Newest first; runs of one moment by id, so that a cursor always knows its place. */
const order = (a: Place, b: Place): number => b.createdAt - a.createdAt || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0);

const toCursor = ({ createdAt, id }: Place): string => Buffer.from(JSON.stringify([createdAt, id])).toString("base64url");

function fromCursor(cursor: string): Place {
  try {
    const [createdAt, id] = JSON.parse(Buffer.from(cursor, "base64url").toString()) as [unknown, unknown];
    if (typeof createdAt === "number" && typeof id === "string") return { createdAt, id };
  } catch {
    // Whatever it was, it is refused below.
  }
  throw new WindhoverError("WH2015", { message: `${JSON.stringify(cursor)} is not a cursor.`, got: cursor });
}

function toRow<R>(row: R): Row<R> {
  const text = JSON.stringify(row);
  return { text, own: JSON.parse(text) as R };
}

const copy = <R>(row: Row<R>): R => JSON.parse(row.text) as R;

export function memoryIndex(state: IndexState): Index {
  return {
    async putRun(row) {
      const old = state.runs.get(row.id);
      if (old !== undefined && old.own.seq >= row.seq) return;
      state.runs.set(row.id, toRow(row));
      state.sorted = null;
    },
    async run(id) {
      const row = state.runs.get(id);
      return row === undefined ? null : copy(row);
    },
    async runs(filter) {
      const from = filter.cursor === undefined ? null : fromCursor(filter.cursor);
      const limit = Math.max(1, filter.limit ?? PAGE);
      state.sorted ??= [...state.runs.values()].sort((a, b) => order(a.own, b.own));
      const page: Row<RunRow>[] = [];
      for (const row of state.sorted) {
        if ((from !== null && order(row.own, from) <= 0) || !matches(row.own, filter)) continue;
        // One more than the page holds: only now is it known that there is more.
        if (page.length === limit) return { rows: page.map(copy), cursor: toCursor((page.at(-1) as Row<RunRow>).own) };
        page.push(row);
      }
      return { rows: page.map(copy) };
    },
    async putDeployment(row) {
      const old = state.deployments.get(row.name);
      if (old === undefined || old.own.seq < row.seq) state.deployments.set(row.name, toRow(row));
    },
    async deployments() {
      return [...state.deployments.values()].map(copy).sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    async putArtifact(row) {
      const own = state.artifacts.get(row.run);
      const old = own?.get(row.id)?.own.seq;
      if (old !== undefined && row.seq !== undefined && row.seq < old) return;
      if (own === undefined) state.artifacts.set(row.run, new Map([[row.id, toRow(row)]]));
      else own.set(row.id, toRow(row));
    },
    async artifacts(run) {
      return [...(state.artifacts.get(run)?.values() ?? [])].map(copy).sort((a, b) => a.at - b.at);
    },
  };
}
