import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { forEachBackend, whereverItCrashes } from "../backends.ts";
import { trip } from "./flow.ts";

forEachBackend("when the card is good, all is booked", async ({ client, finish, folder }) => {
  const desk = join(folder, "desk");
  expect(await finish(await client.run(trip, { trip: "Rome", desk }))).toMatchObject({
    type: "COMPLETED",
    result: ["flight for Rome", "hotel for Rome", "payment for Rome"],
  });
  expect(await readdir(desk)).toHaveLength(3);
});

forEachBackend("when it is not, what was booked is taken back", async ({ client, finish, folder }) => {
  const desk = join(folder, "desk");
  expect(await finish(await client.run(trip, { trip: "Oslo", card: "expired", desk }))).toMatchObject({
    type: "COMPLETED",
    result: "Not booked: the card has expired",
  });
  expect(await readdir(desk)).toEqual([]);
});

whereverItCrashes(trip, { trip: "Bern", card: "expired" }, "Not booked: the card has expired");
