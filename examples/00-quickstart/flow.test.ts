import { join } from "node:path";
import { expect, test } from "vitest";
import { forEachBackend } from "../backends.ts";
import { quickstart } from "./flow.ts";
import { parseCsv } from "./sources.ts";
import { query } from "./warehouse.ts";

const promise = "the quickstart loads three real tables, refuses what is no good, and can do it all again";

// Its tables lie in a database file, which a native module opens.
forEachBackend(
  promise,
  async ({ client, folder, finish }) => {
    const database = join(folder, "quickstart.db");
    for (let round = 0; round < 2; round++) {
      const run = await client.run(quickstart, { database });
      const state = await finish(run);
      expect(state.type).toBe("COMPLETED");
      const result = await run.result();
      expect(result.rows).toEqual({ weather: 2922, airports: 3322, flights: 2000 });
      expect(result.refused).toEqual({ weather: 0, airports: 54, flights: 0 });
      expect(result.delays[0]).toMatchObject({ airport: "Chicago (ORD)", flights: 119 });
      expect(result.climate.map(({ city }) => city)).toEqual(["New York", "Seattle"]);
    }
    expect(query(database, "SELECT count(*) AS rows FROM flights")).toMatchObject([{ rows: 2000 }]);
    const { runs } = await client.runs();
    expect(runs.filter((run) => run.flow === "load")).toHaveLength(2);
  },
  { onAws: false },
);

test("a field in quotes may contain commas", () => {
  expect(parseCsv('a,b,c\n1,"x, ""y""",\n')).toEqual([{ a: "1", b: 'x, "y"', c: "" }]);
});
