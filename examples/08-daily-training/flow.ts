import { artifact, cron, flow, log, runContext, task } from "windhover";
import * as z from "zod";

/** Measurements of one day: y is about 3x + 2. */
const collect = task({ name: "collect", retries: 2, retryDelaySeconds: 10 }, async (day: string) => {
  const shift = Number(day.slice(-2)) / 100;
  return Array.from({ length: 30 }, (_, x) => ({ x, y: 3 * x + 2 + shift * Math.sin(x) }));
});

const train = task({ name: "train", timeoutSeconds: 600 }, async (points: readonly { readonly x: number; readonly y: number }[]) => {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [mx, my] = [mean(points.map(({ x }) => x)), mean(points.map(({ y }) => y))];
  const slope = points.reduce((sum, { x, y }) => sum + (x - mx) * (y - my), 0) / points.reduce((sum, { x }) => sum + (x - mx) ** 2, 0);
  return { slope, intercept: my - slope * mx };
});

const publish = task({ name: "publish-model" }, async (day: string, model: { readonly slope: number }) => {
  log.info("published", { day, ...model });
  return `model-${day}`;
});

/** The day is the nominal one: a run that starts late, or is run again, trains on the data that it was meant for. */
export const training = flow({ name: "training", parameters: z.object({ day: z.iso.date().optional() }) }, async ({ day }) => {
  const on = day ?? (runContext().scheduledTime ?? new Date()).toISOString().slice(0, 10);
  const model = await train(collect(on));
  await artifact.table("model", [{ day: on, ...model }]);
  return publish(on, model);
});

/** Every day at five in Lisbon. A day that was missed while nothing ran is made up for; two trainings never run at once. */
export const daily = training.deployment({
  name: "daily-training",
  schedules: [cron("0 5 * * *", { timezone: "Europe/Lisbon", catchUp: "all" })],
  concurrency: { limit: 1, overlap: "queue" },
  tags: ["ml"],
});
