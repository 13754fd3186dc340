/** Which rows of the runs table a list wants: for indexes that do not leave it to their database. */
import type { RunRow } from "./events.ts";
import type { RunFilter } from "./ports.ts";

export function matches(row: RunRow, filter: RunFilter): boolean {
  return (
    (filter.flow === undefined || row.flow === filter.flow) &&
    (filter.deployment === undefined || row.deployment === filter.deployment) &&
    (filter.states === undefined || filter.states.includes(row.state.type)) &&
    (filter.tag === undefined || row.tags.includes(filter.tag)) &&
    (filter.parent === undefined || row.parent === filter.parent) &&
    (filter.since === undefined || row.createdAt >= filter.since) &&
    (filter.until === undefined || row.createdAt <= filter.until)
  );
}
