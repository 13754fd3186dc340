import { mkdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FailNow, flow, log, task, transaction } from "windhover";
import * as z from "zod";

/** What stands for another company's system: a folder with a file for each booking. In earnest it is told the call's `idempotencyKey`. */
const desk = {
  book: async (folder: string, booking: string): Promise<string> => {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, booking), "");
    return booking;
  },
  takeBack: async (booking: string, folder: string): Promise<void> => {
    await rm(join(folder, booking), { force: true });
    log.warn(`took back ${booking}`);
  },
};

const book = task(
  { name: "book", onRollback: (booking: string, [, , folder]) => desk.takeBack(booking, folder) },
  async (what: string, trip: string, folder: string) => desk.book(folder, `${what} for ${trip}`),
);
const charge = task(
  { name: "charge", onRollback: (payment: string, [, , folder]) => desk.takeBack(payment, folder) },
  async (trip: string, card: string, folder: string) => {
    if (card === "expired") throw new FailNow("the card has expired");
    return desk.book(folder, `payment for ${trip}`);
  },
);

const Parameters = z.object({
  trip: z.string(),
  card: z.enum(["good", "expired"]).default("good"),
  desk: z.string().default(join(tmpdir(), "windhover-bookings")).describe("The folder where what is booked is a file"),
});

/** All of it or none of it: when something fails inside, what completed is taken back, last first. The rollbacks are recorded and retried like any task. */
export const trip = flow({ name: "trip", parameters: Parameters }, async ({ trip, card, desk: folder }) => {
  try {
    return await transaction(async () => {
      const bookings = await Promise.all([book("flight", trip, folder), book("hotel", trip, folder)]);
      return [...bookings, await charge(trip, card, folder)];
    });
  } catch (error) {
    return `Not booked: ${(error as Error).message}`;
  }
});
