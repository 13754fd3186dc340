import { expect } from "vitest";
import { forEachBackend, whereverItCrashes } from "../backends.ts";
import { invoice } from "./flow.ts";

const good = { email: "ada@example.com", lines: [{ item: "analysis", cents: 12_50, count: 4 }], due: "2026-12-24" };

forEachBackend("defaults are filled in", async ({ client, finish }) => {
  expect(await finish(await client.run(invoice, good))).toMatchObject({ type: "COMPLETED", result: "ada@example.com: 50.00 EUR until 2026-12-24" });
});

forEachBackend("what does not fit is refused with its path, and no task runs", async ({ client, finish }) => {
  const message = async (parameters: object): Promise<string> => {
    const state = await finish(await client.run(invoice, parameters));
    return state.type === "FAILED" ? state.error.message : state.type;
  };
  expect(await message({ ...good, email: "ada" })).toMatch(/^WH1101: .*email/);
  expect(await message({ ...good, lines: [{ item: "", cents: 1 }] })).toContain("lines[0].item");
  expect(await message({ ...good, lines: [{ item: "gold", cents: 2_000_000 }] })).toContain("needs an approval");
  expect(await message({ ...good, due: "tomorrow" })).toContain("due");
});

whereverItCrashes(invoice, good, "ada@example.com: 50.00 EUR until 2026-12-24");
