import { flow, log, task } from "windhover";
import * as z from "zod";

const listCustomers = task({ name: "list-customers" }, async (count: number) => Array.from({ length: count }, (_, i) => `customer-${i + 1}`));

const scoreCustomer = task({ name: "score-customer" }, async (customer: string) => {
  const score = [...customer].reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % 100;
  log.info(`${customer} scores ${score}`);
  return { customer, score };
});

export const customers = flow({ name: "customers", parameters: z.object({ count: z.int().min(1).default(10) }) }, async ({ count }) => {
  // A future is handed on as it is: the map starts when the list is there, one task run a customer, side by side.
  const scores = await scoreCustomer.map(listCustomers(count));
  return scores.reduce((best, one) => (one.score > best.score ? one : best));
});
