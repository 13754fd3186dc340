/** Log lines by run, in the order of time; lines of one moment in the order in which they came. */
import type { LogLine, Logs } from "../../engine/ports.ts";

interface Line {
  readonly id: string;
  readonly at: number;
  readonly call: string | undefined;
  readonly text: string;
}

export type LineState = Map<string, { readonly ids: Set<string>; readonly lines: Line[] }>;

export function memoryLogs(state: LineState): Logs {
  return {
    async write(lines) {
      for (const line of lines) {
        let own = state.get(line.run);
        if (own === undefined) {
          own = { ids: new Set(), lines: [] };
          state.set(line.run, own);
        }
        if (own.ids.has(line.id)) continue;
        own.ids.add(line.id);
        // Almost always the last; one that comes late goes before those of a later time.
        let place = own.lines.length;
        while (place > 0 && (own.lines[place - 1] as Line).at > line.at) place -= 1;
        own.lines.splice(place, 0, { id: line.id, at: line.at, call: line.call, text: JSON.stringify(line) });
      }
    },
    async read(run, { after, limit = Number.POSITIVE_INFINITY, call } = {}) {
      const lines = state.get(run)?.lines ?? [];
      const page: LogLine[] = [];
      for (let i = after === undefined ? 0 : lines.findIndex((line) => line.id === after) + 1; i < lines.length && page.length < limit; i++) {
        const line = lines[i] as Line;
        if (call === undefined || line.call === call) page.push(JSON.parse(line.text) as LogLine);
      }
      return page;
    },
  };
}
