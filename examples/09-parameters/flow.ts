import { flow, task } from "windhover";
import * as z from "zod";

const Parameters = z
  .object({
    email: z.email().describe("Who gets the invoice"),
    lines: z.array(z.object({ item: z.string().min(1), cents: z.int().positive(), count: z.int().min(1).default(1) })).min(1),
    due: z.iso.date(),
    currency: z.enum(["EUR", "USD"]).default("EUR"),
  })
  .refine(({ lines }) => lines.reduce((sum, { cents, count }) => sum + cents * count, 0) <= 1_000_000, {
    path: ["lines"],
    message: "more than 10,000 needs an approval",
  });

const send = task({ name: "send-invoice" }, async (email: string, text: string) => `${email}: ${text}`);

/** Parameters are checked before anything runs: what the schema refuses makes a failed run that says where. Defaults are filled in, and the types follow. */
export const invoice = flow({ name: "invoice", parameters: Parameters }, async ({ email, lines, due, currency }) => {
  const total = lines.reduce((sum, { cents, count }) => sum + cents * count, 0) / 100;
  return send(email, `${total.toFixed(2)} ${currency} until ${due}`);
});
