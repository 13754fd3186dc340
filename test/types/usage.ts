// What an author writes, compiled against the real package: the type check is the test. Nothing here is run.

import {
  at,
  connect,
  continueAsNew,
  cron,
  defineBlock,
  exponential,
  FailNow,
  type Future,
  flow,
  interval,
  log,
  onS3Object,
  onWebhook,
  runContext,
  runInput,
  sleep,
  task,
  unmapped,
  waitForInput,
} from "windhover";
import { createTestHarness } from "windhover/testing";
import * as z from "zod";

export const fetchPage = task(
  { name: "fetch-page", retries: 3, retryDelaySeconds: [1, 10, 60], timeoutSeconds: 30, cacheKey: (url) => url, cacheExpirationSeconds: 3600 },
  async (url: string) => ({ url, text: url.toUpperCase() }),
);
export const sendMail = task(
  { name: "send-mail", cacheKey: (to) => to, concurrency: { limit: 1, key: (to) => to } },
  async (to: string, text: string) => `${to}: ${text}`,
);
export const summarize = task(
  { name: "summarize", tags: ["llm"], retries: 2, retryDelaySeconds: exponential(2) },
  async (page: { url: string; text: string }, language: string) => {
    if (!page.text) throw new FailNow("empty page");
    log.info("summarizing", { url: page.url });
    return `${language}:${page.url}`;
  },
);
export const publish = task(
  { name: "publish", crashRetries: 0, onRollback: (count: number) => log.warn(`taking back ${count}`) },
  async (texts: readonly string[]) => texts.length,
);
const Approval = runInput({ name: "approval", schema: z.object({ approved: z.boolean(), note: z.string().default("") }) });
const notify = flow({ name: "notify", parameters: z.object({ text: z.string() }) }, async ({ text }) => text.length);

export const digest = flow(
  { name: "digest", parameters: z.object({ urls: z.array(z.string()), language: z.string().default("en") }) },
  async ({ urls, language }) => {
    const pages = fetchPage.map(urls);
    const texts = await summarize.map(pages, unmapped(language));
    await sleep("1 day");
    const answer = await waitForInput(Approval, { timeout: "3 days" });
    if (!answer?.approved) return { published: 0 };
    const first = fetchPage("https://example.com");
    const second = summarize.withOptions({ waitFor: [pages], retries: 0 })(first, "en");
    const published = await publish([...texts, await second]);
    await notify({ text: `published ${published}: ${answer.note}` });
    return { published };
  },
);
export const nightly = digest.deployment({
  name: "nightly",
  schedules: [cron("0 2 * * *", { timezone: "America/Sao_Paulo" }), interval("6 hours"), at(new Date("2027-01-01"))],
  triggers: [onS3Object({ bucket: "incoming", prefix: "urls/", parameters: (o) => ({ urls: [o.url] }) }), onWebhook({ path: "digest" })],
  parameters: { urls: ["https://example.com"] },
  concurrency: { limit: 1, overlap: "queue" },
});
export const hello = flow({ name: "hello" }, async () => `hi ${runContext().runId}`);
export const forever = flow({ name: "forever", parameters: z.object({ n: z.number() }) }, async ({ n }) => {
  await sleep("1 minute");
  continueAsNew({ n: n + 1 });
});
export const Warehouse = defineBlock({ type: "warehouse", schema: z.object({ url: z.string(), password: z.string() }), secret: ["password"] }, (v) => ({
  query: async (sql: string) => `${v.url}:${sql}`,
}));

export async function approve() {
  await hello();
  const direct: { published: number } = await digest({ urls: [] });
  const client = await connect({ directory: ".windhover" });
  const run = await client.run(nightly, { urls: [] }, { idempotencyKey: "nightly-2026-11-22" });
  await run.input(Approval, { approved: true, note: "ship it" });
  const state = await run.state();
  return state.type === "COMPLETED" ? state.result.published + direct.published : 0;
}
export async function spec() {
  await using h = await createTestHarness({ seed: 1 });
  h.stub(fetchPage, async (url) => ({ url, text: "x" }));
  const run = await h.client.run(digest, { urls: ["a"] });
  await h.advance("1 day");
  await run.input(Approval, { approved: true, note: "" });
  const r: { published: number } = await run.result();
  await h.crashEverywhere(digest, { urls: ["a", "b"] });
  return r;
}
// Each of these must not compile.
// @ts-expect-error a bare number in a string has no unit
void sleep("1");
// @ts-expect-error wrong argument
void fetchPage(42);
// @ts-expect-error a constant must be said to be one: unmapped("en")
void summarize.map([{ url: "a", text: "b" }], "en");
// @ts-expect-error `urls` is required
void digest({});
// @ts-expect-error no such parameter
void digest.deployment({ name: "x", parameters: { url: ["a"] } });
void (async () => {
  const d = await waitForInput(Approval, { timeout: "1 hour" });
  // @ts-expect-error after a timeout the answer is null
  return d.approved;
});
const page: Future<{ url: string; text: string }> = fetchPage("a");
// A list of futures is the future of a list.
const list = summarize.map([{ url: "a", text: "b" }], unmapped("en"));
void publish(list);
export const together: Future<readonly string[]> = list;
export const lastState: Promise<number> = list.state().then((state) => (state.type === "COMPLETED" ? state.result.length : 0));
// @ts-expect-error a list of another type
void publish(fetchPage.map(["a"]));
// Hooks and rollbacks may return what they like; a default whose type is written keeps what is known of the arguments.
export const load = task(
  { name: "load", onCompletion: [async () => 1], onFailure: [() => "said"], onRollback: async (text) => text.length, cacheKey: (path) => path.trim() },
  async (path: string, encoding: string = "utf8") => `${path} ${encoding}`,
);
export const loaded: Future<string> = load("a");
void summarize(page, "en");
// @ts-expect-error a future of another type
void fetchPage(page);
// @ts-expect-error only fields of the schema can be secret
void defineBlock({ type: "w", schema: z.object({ url: z.string() }), secret: ["password"] }, (v) => v);
