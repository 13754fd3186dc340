/**
 * The flows whose histories are kept, and what happened to each while its history was made. Their code stays as it is for ever: a change that they do not survive is a change that users' open
 * runs do not survive.
 */
import * as z from "zod";
import { advanceDeployment } from "../../engine/deployment.ts";
import { runActor } from "../../engine/messages.ts";
import { shared } from "../../engine/scope.ts";
import type { Host } from "../../engine/host.ts";
import { turn } from "../../engine/turn.ts";
import { Warm } from "../../engine/warm.ts";
import {
  artifact,
  concurrency,
  continueAsNew,
  emit,
  FailNow,
  type Flow,
  flow,
  log,
  pause,
  rateLimit,
  type Run,
  runContext,
  runInput,
  sleep,
  sleepUntil,
  task,
  transaction,
  unmapped,
  variable,
  waitForInput,
} from "../../sdk/index.ts";
import type { PortsClient } from "../../sdk/ports-client.ts";
import type { TestHarness } from "../../sdk/testing/index.ts";

export interface Golden {
  readonly flow: Flow<object, unknown>;
  readonly parameters?: object;
  /** What must be there before. */
  readonly before?: (client: PortsClient) => Promise<unknown>;
  /** What happens while it runs. */
  readonly live?: (h: TestHarness, run: Run<unknown>) => Promise<unknown>;
  /** How a run that starts today ends, where a behaviour flag makes it end in another way than those of older releases. */
  readonly endsNow?: string;
}

const golden = (target: unknown, more: Omit<Golden, "flow"> = {}): Golden => ({ flow: target as Golden["flow"], ...more });
const attempt = (): number => runContext().task?.attempt ?? 0;

const double = task({ name: "golden-double" }, async (n: number) => n * 2);
const cached = task({ name: "golden-cached", cacheKey: "inputs" }, async (n: number) => n + 1);
const second = task({ name: "golden-second", retries: 2, retryDelaySeconds: [1, 10] }, async (n: number) => {
  if (attempt() < 3) throw new Error(`attempt ${attempt()} fails`);
  return n;
});
/** Called by the other's name, as it was when an item's every try was told that it was the first. */
const hopeless = task({ name: "golden-hopeless", retries: 2, retryDelaySeconds: [1, 10] }, async (n: number): Promise<number> => {
  throw new Error(`${n} fails`);
}).withOptions({ name: "golden-second" });
const fails = task({ name: "golden-fails" }, async (why: string): Promise<number> => {
  throw new FailNow(why);
});
const odd = task({ name: "golden-odd", onFailure: [async () => {}] }, async (n: number, offset: number) => {
  if (n % 2 === 0) throw new FailNow(`${n} is even`);
  return n + offset;
});
const big = task({ name: "golden-big" }, async () => "0123456789".repeat(1000));
const scarce = task({ name: "golden-scarce", tags: ["golden-scarce"], retries: 1, retryDelaySeconds: 2 }, async (n: number) => {
  if (attempt() === 1) throw new Error("not yet");
  return n;
});
const booked = task({ name: "golden-booked", onRollback: async () => {} }, async (what: string) => what);
const values = task({ name: "golden-values" }, async () => ({ at: new Date(0), set: new Set([1n]), map: new Map([["a", undefined]]), bytes: new Uint8Array([1, 2]), nan: Number.NaN }));
const slow = task({ name: "golden-slow", pool: "golden-pool", timeoutSeconds: 60 }, async () => "slow");

const chain = flow({ name: "golden-chain" }, async () => {
  log.info("It begins.");
  const a = await double(1);
  const b = await cached(a);
  const c = await cached(a);
  return [a, b, c, await second(c), await values(), Math.random() < 1, new Date() instanceof Date];
});
const maps = flow({ name: "golden-maps" }, async () => {
  const odds = odd.withOptions({ toleratedFailures: 3, mapConcurrency: 2 }).map([1, 2, 3, 4, 5], unmapped(10));
  const doubled = await double.map([1, 2, 3]);
  return [await odds, doubled, await hopeless.map([7, 8]).catch((error: Error) => error.message.slice(0, 6))];
});
const kid = flow({ name: "golden-kid", parameters: z.object({ n: z.number() }) }, async ({ n }) => (n < 0 ? fails("negative") : double(n)));
const family = flow({ name: "golden-family" }, async () => {
  const good = await Promise.all([kid({ n: 1 }), kid({ n: 2 })]);
  const bad = await kid({ n: -1 }).state();
  return [...good, bad.type];
});
const limited = flow({ name: "golden-limited" }, async () => {
  await rateLimit("golden-rate");
  const inside = await concurrency("golden-slots", { occupy: 1 }, async () => double(4));
  return [inside, ...(await Promise.all([scarce(1), scarce(2)]))];
});
const Answer = runInput({ name: "golden-answer", schema: z.object({ yes: z.boolean() }) });
const asking = flow({ name: "golden-asking" }, async () => {
  const first = await waitForInput(Answer);
  const never = await waitForInput(Answer, { timeout: "1 minute" });
  return [first.yes, never];
});
const cancelled = flow({ name: "golden-cancelled" }, async () => {
  try {
    await Promise.all([sleep("1 day"), kid({ n: 5 }), slow()]);
    await sleep("1 day");
  } finally {
    await double(0);
  }
});
const paused = flow({ name: "golden-paused" }, async () => {
  await sleep("1 hour");
  const both = await Promise.all([double(1), double(2)]);
  await pause({ timeout: "1 day" });
  return both;
});
let tries = 0;
const unsteady = task({ name: "golden-unsteady" }, async () => {
  if (++tries < 3) throw new Error("unsteady");
  return tries;
});
const retried = flow({ name: "golden-retried", retries: 3, retryDelaySeconds: 30 }, async () => [await double(1), await unsteady()]);
const looping = flow({ name: "golden-looping", parameters: z.object({ n: z.number() }) }, async ({ n }) => {
  const next = await double(n);
  if (next < 3) continueAsNew({ n: next });
  return next;
});
const saga = flow({ name: "golden-saga" }, async () => {
  try {
    await transaction(async () => {
      await booked("flight");
      await booked("hotel");
      await fails("no seat");
    });
    return "booked";
  } catch (error) {
    return (error as Error).message;
  }
});
const chatty = flow({ name: "golden-chatty", onCompletion: [async () => {}], onRunning: [async () => {}] }, async () => {
  await artifact.markdown("report", "# Done");
  await artifact.progress("share", 0.5);
  await emit({ type: "golden.done", detail: { n: 1 } });
  await sleepUntil(new Date(Date.now() + 5000));
  return [await variable("golden-variable"), await variable("golden-missing", "fallback"), (await big()).length];
});
const racing = flow({ name: "golden-racing" }, async () => {
  const first = await Promise.race([sleep("1 hour").then(() => "hour"), double(2)]);
  const any = await Promise.any([fails("x"), sleep("1 minute").then(() => 7)]);
  const all = await Promise.allSettled([slow(), fails("y"), double.withOptions({ key: "named" })(3)]);
  return [first, any, all.map(({ status }) => status)];
});
const moved = flow({ name: "golden-moved" }, async () => {
  await sleep("1 hour");
  return double(4);
});
/** A turn that another build takes. */
const turnOfBuild = (client: PortsClient, build: string, run: Run<unknown>): Promise<void> => {
  const { ports } = client;
  const host: Host = { ports, code: shared.code, warm: new Warm(), inlineMs: 60_000, ticksFromOutside: false, advanceDeployment, build };
  return turn(host, runActor(run.id), [{ actor: runActor(run.id), physical: `move-${build}`, receives: 1, message: { kind: "migrate", id: `migrate:${build}` } }]);
};
const nested = flow({ name: "golden-nested" }, async () => concurrency("golden-nested", {}, async () => concurrency("golden-nested", {}, async () => double(5))));
const timed = flow({ name: "golden-timed", timeoutSeconds: 60 }, async () => sleep("1 hour"));

export const goldens: Readonly<Record<string, Golden>> = {
  chain: golden(chain, { live: (h) => h.advance("1 minute") }),
  maps: golden(maps, { live: (h) => h.advance("1 minute") }),
  family: golden(family),
  limited: golden(limited, {
    before: async (client) => {
      await client.setLimit("golden-rate", { limit: 5, per: "1 minute" });
      await client.setLimit("golden-slots", 1);
      await client.setLimit("golden-scarce", 1);
    },
    live: (h) => h.advance("1 minute"),
  }),
  asking: golden(asking, {
    async live(h, run) {
      await h.advance("1 second");
      await (h.client as PortsClient).send(run.id, { kind: "input", id: "input:bad", name: "golden-answer", value: '{"yes":"perhaps"}' });
      await h.advance("1 second");
      await run.input(Answer, { yes: true });
      await h.advance("2 minutes");
    },
  }),
  cancelled: golden(cancelled, {
    async live(h, run) {
      await h.advance("1 second");
      await run.cancel();
      await h.advance("1 second");
    },
  }),
  paused: golden(paused, {
    async live(h, run) {
      await h.advance("1 minute");
      await run.pause();
      await h.advance("2 hours");
      await run.resume();
      await h.advance("1 minute");
      await run.resume();
      await h.advance("1 minute");
    },
  }),
  retried: golden(retried, {
    before: async () => {
      tries = 0;
    },
    live: (h) => h.advance("5 minutes"),
  }),
  moved: golden(moved, {
    async live(h, run) {
      await h.advance("1 minute");
      await turnOfBuild(h.client as PortsClient, "b2", run);
      await h.advance("2 hours");
    },
  }),
  looping: golden(looping, { parameters: { n: 1 } }),
  saga: golden(saga),
  chatty: golden(chatty, { before: (client) => client.setVariable("golden-variable", "set"), live: (h) => h.advance("1 minute") }),
  racing: golden(racing, { live: (h) => h.advance("2 hours") }),
  nested: golden(nested, { endsNow: "WH1308", before: (client) => client.setLimit("golden-nested", 2) }),
  timed: golden(timed, { live: (h) => h.advance("2 hours") }),
};
