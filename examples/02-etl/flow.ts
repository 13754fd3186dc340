import { exponential, FailNow, flow, log, runContext, task } from "windhover";
import * as z from "zod";

interface Order {
  readonly id: number;
  readonly cents: number;
}

/** A source that answers with an error at first. The delays grow: 50 ms, 100 ms, 200 ms … with a little chance, so that many runs do not come back together. */
const extract = task(
  { name: "extract", retries: 4, retryDelaySeconds: exponential(0.05), retryJitterFactor: 0.2 },
  async (source: string, failures: number) => {
    const { attempt = 1 } = runContext().task ?? {};
    if (source === "") throw new FailNow("there is no source: trying again would not help");
    if (attempt <= failures) throw new Error(`${source} answered 503`);
    return Array.from({ length: 5 }, (_, i): Order => ({ id: i, cents: 1999 * i }));
  },
);

const transform = task({ name: "transform" }, async (orders: readonly Order[]) =>
  orders.filter(({ cents }) => cents > 0).map(({ id, cents }) => ({ id, euros: cents / 100 })),
);

const load = task({ name: "load" }, async (rows: readonly { readonly id: number; readonly euros: number }[]) => {
  log.info(`loaded ${rows.length} rows`, { total: rows.reduce((sum, { euros }) => sum + euros, 0) });
  return rows.length;
});

const Parameters = z.object({ source: z.string().default("orders.example"), failures: z.int().min(0).default(2).describe("How often the source fails first") });

export const etl = flow({ name: "etl", parameters: Parameters }, async ({ source, failures }) => {
  const orders = await extract(source, failures);
  const rows = await transform(orders);
  return { loaded: await load(rows) };
});
