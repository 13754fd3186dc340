import { expect } from "vitest";
import { forEachBackend, whereverItCrashes } from "../backends.ts";
import { booked, trip } from "./flow.ts";

forEachBackend("when the card is good, all is booked", async ({ client, finish }) => {
  booked.clear();
  expect(await finish(await client.run(trip, { trip: "Rome" }))).toMatchObject({
    type: "COMPLETED",
    result: ["flight for Rome", "hotel for Rome", "payment for Rome"],
  });
  expect(booked.size).toBe(3);
});

forEachBackend("when it is not, what was booked is taken back", async ({ client, finish }) => {
  booked.clear();
  expect(await finish(await client.run(trip, { trip: "Oslo", card: "expired" }))).toMatchObject({
    type: "COMPLETED",
    result: "Not booked: the card has expired",
  });
  expect([...booked]).toEqual([]);
});

whereverItCrashes(trip, { trip: "Bern", card: "expired" }, "Not booked: the card has expired");
