import { expect } from "vitest";
import { forEachBackend, whereverItCrashes } from "../backends.ts";
import { branches } from "./flow.ts";

forEachBackend("what a task found decides what runs next", async ({ client, finish }) => {
  const result = async (table: string): Promise<unknown> => finish(await client.run(branches, { table }));
  expect(await result("")).toMatchObject({ result: " is empty" });
  expect(await result("a")).toMatchObject({ result: "1000 rows at once" });
  expect(await result("orders")).toMatchObject({ result: "6000 rows in 3 parts" });
});

whereverItCrashes(branches, { table: "orders" }, "6000 rows in 3 parts");
