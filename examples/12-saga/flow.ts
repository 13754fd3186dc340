import { FailNow, flow, log, task, transaction } from "windhover";
import * as z from "zod";

/** What has been booked, to see that it is taken back. In earnest this is another company's system, told the call's `idempotencyKey`. */
export const booked = new Set<string>();

const takeBack = (booking: string): void => {
  booked.delete(booking);
  log.warn(`took back ${booking}`);
};

const book = task({ name: "book", onRollback: takeBack }, async (what: string, trip: string) => {
  const booking = `${what} for ${trip}`;
  booked.add(booking);
  return booking;
});
const charge = task({ name: "charge", onRollback: (payment: string) => takeBack(payment) }, async (trip: string, card: string) => {
  if (card === "expired") throw new FailNow("the card has expired");
  const payment = `payment for ${trip}`;
  booked.add(payment);
  return payment;
});

/** All of it or none of it: when something fails inside, what completed is taken back, last first. The rollbacks are recorded and retried like any task. */
export const trip = flow(
  { name: "trip", parameters: z.object({ trip: z.string(), card: z.enum(["good", "expired"]).default("good") }) },
  async ({ trip, card }) => {
    try {
      return await transaction(async () => {
        const bookings = await Promise.all([book("flight", trip), book("hotel", trip)]);
        return [...bookings, await charge(trip, card)];
      });
    } catch (error) {
      return `Not booked: ${(error as Error).message}`;
    }
  },
);
