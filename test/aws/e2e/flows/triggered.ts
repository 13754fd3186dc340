import { type BusEvent, cron, emit, flow, onEvent, onQueue, onRunState, onS3Object, onWebhook } from "windhover";
import * as z from "zod";
import { INCOMING_BUCKET, ordersArn } from "./names.ts";

const record = flow({ name: "record", parameters: z.object({ what: z.string().max(100) }) }, async ({ what }) => what);

export const ticking = record.deployment({ name: "ticking", schedules: [cron("* * * * *")], parameters: { what: "a minute" } });

export const uploads = record.deployment({
  name: "uploads",
  triggers: [onS3Object({ bucket: INCOMING_BUCKET, prefix: "in/", parameters: ({ key, size }) => ({ what: `${key} of ${size} bytes` }) })],
});

export const hooked = record.deployment({
  name: "hooked",
  triggers: [onWebhook({ path: "orders/new", secret: "not-a-real-secret", parameters: ({ body }) => ({ what: (body as { order: string }).order }) })],
});

export const payments = record.deployment({
  name: "payments",
  triggers: [
    onEvent({
      source: "shop",
      detailType: "paid",
      detail: { currency: "EUR" },
      parameters: ({ detail }: BusEvent<{ order?: string; explain?: string }>) => {
        if (detail.order === undefined) throw new Error("a payment of nothing");
        return { what: `paid ${detail.order}` };
      },
    }),
  ],
});

export const orders = record.deployment({
  name: "orders",
  triggers: [onQueue({ queueArn: ordersArn, parameters: ({ body }) => ({ what: `ordered ${body}` }) })],
});

export const greet = flow({ name: "greet", parameters: z.object({ whom: z.string() }) }, async ({ whom }) => {
  await emit({ type: "greeted", detail: { whom } });
  if (whom === "nobody") throw new Error("there is nobody");
});
export const greeted = record.deployment({
  name: "greeted",
  triggers: [
    onEvent({ source: "windhover", detailType: "greeted", parameters: ({ detail }: BusEvent<{ whom: string }>) => ({ what: `greeted ${detail.whom}` }) }),
  ],
});
export const regretted = record.deployment({
  name: "regretted",
  triggers: [onRunState({ flow: "greet", state: "FAILED", parameters: ({ id }) => ({ what: `regretted ${id}` }) })],
});
