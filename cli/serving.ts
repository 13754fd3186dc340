/** What `windhover dev` and the quickstart serve: the engine in this process, its schedules and triggers, and the HTTP API. */
import type { OpenedEmbedded } from "../adapters/embedded/open.ts";
import type { Retention } from "../adapters/embedded/retention.ts";
import { WindhoverError } from "../engine/errors.ts";
import type { Entry } from "../engine/events.ts";
import { runActor } from "../engine/messages.ts";
import type { DeploymentDefinition } from "../sdk/deployment.ts";
import { createApp } from "../server/app.ts";
import { type Listening, listen } from "../server/listen.ts";
import { Triggers, unserved } from "../server/triggers.ts";
import { tellError } from "./failure.ts";
import { VERSION } from "./installation.ts";
import type { Loaded } from "./loader.ts";
import { dateTime, err, relative, tell } from "./terminal.ts";

export interface ServingOptions {
  readonly directory: string;
  readonly port: number;
  readonly pools?: Readonly<Record<string, number>>;
  readonly retention?: Retention;
  /** The backend is gone: a full disk, a damaged file. */
  readonly onFatal: (error: unknown) => void;
}

export interface Serving extends OpenedEmbedded {
  readonly api: Listening;
  /** Takes newly loaded code into service. Returns the tasks that run to their end on the code that they began with. */
  serve(next: Loaded): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** @throws WH3004 when the port is in use · WH3001 to WH3003 when the database cannot be opened. */
export async function startServing(loaded: Loaded, { directory, port, pools, retention, onFatal }: ServingOptions): Promise<Serving> {
  const { openRuntime } = await import("../adapters/embedded/open.ts");
  let deployments = loaded.deployments;
  let triggers: Triggers | undefined;
  const onEntry = (entry: Entry): void => triggers?.noteEntry(entry);
  const opened = await openRuntime({ directory, code: loaded.code, narrate: true, pools, retention, onEntry, onFatal });
  const { client, backend, runtime } = opened;
  const app = createApp({
    client,
    get code() {
      return runtime.code;
    },
    deployments: () => deployments,
    version: VERSION,
    onError: tellError,
  });
  const api = await listen(app, { port }).catch(async (error: unknown) => {
    await client.close();
    throw error;
  });
  triggers = new Triggers(client, backend, () => deployments, tellError);
  const configure = async (): Promise<void> => {
    for (const deployment of deployments) await client.configure(deployment);
  };
  await configure();
  await triggers.start();
  return {
    ...opened,
    api,
    async serve(next) {
      const before = deployments;
      const running = await inHand(opened);
      runtime.load(next.code);
      deployments = next.deployments;
      await pauseVanished(client, before, deployments);
      await configure();
      await triggers?.lookBack();
      return running;
    },
    async close() {
      await api.close();
      await triggers?.stop();
      await tellLongWait(opened, client.close());
    },
  };
}

/** Longer than this, and whoever looks at the terminal asks what is going on. Unit: milliseconds. */
const LONG_MS = 500;

/** Says which tasks are waited for at the end, if it takes long. */
async function tellLongWait(opened: OpenedEmbedded, wait: Promise<unknown>): Promise<void> {
  let told = false;
  // It keeps the process alive too: what a task waits for need not.
  const timer = setInterval(async () => {
    if (told || opened.runtime.worker.inHand().length === 0) return;
    told = true;
    tell(err(`Waiting for ${someOf(await inHand(opened))}: Ctrl-C ends at once, and it runs again when its run goes on.`, "yellow"));
  }, LONG_MS);
  await wait.finally(() => clearInterval(timer));
}

/** The user code that runs here now: each call with the name of its run. */
async function inHand({ runtime, backend }: OpenedEmbedded): Promise<readonly string[]> {
  const nameOf = async (run: string): Promise<string> => {
    const tail = await backend.ports.log.tail(runActor(run)).catch(() => null);
    return tail?.state.kind === "run" ? tail.state.name : run;
  };
  return Promise.all(runtime.worker.inHand().map(async ({ run, call }) => `${call} of ${await nameOf(run)}`));
}
const SHOWN = 3;
export const someOf = (names: readonly string[]): string =>
  `${names.slice(0, SHOWN).join(", ")}${names.length > SHOWN ? ` and ${names.length - SHOWN} more` : ""}`;

/** What is gone from the code cannot run: it is paused, so that its schedules start nothing, and says so. */
async function pauseVanished(client: OpenedEmbedded["client"], before: readonly DeploymentDefinition[], after: readonly DeploymentDefinition[]): Promise<void> {
  const names = new Set(after.map(({ name }) => name));
  for (const { name } of before.filter((deployment) => !names.has(deployment.name))) {
    await client.setDeployment(name, "pause");
    tell(err(`Deployment "${name}" is no longer in the code: it is paused. windhover deployments resume ${name} lets it go on once it is back.`, "yellow"));
  }
}

/** Triggers that this machine cannot serve, and deployments that other code has left here. */
export async function tellWhatIsNotServed({ client }: OpenedEmbedded, deployments: readonly DeploymentDefinition[]): Promise<void> {
  for (const problem of unserved(deployments))
    tell(`${err(problem.code, "yellow")} ${problem.message.replace(`${problem.code}: `, "")}  ${err(problem.action, "dim")}`);
  const names = new Set(deployments.map(({ name }) => name));
  for (const { name, paused } of await client.deployments())
    if (!names.has(name) && !paused)
      tell(
        `${err("note", "yellow")} Deployment "${name}" is in the database, but not in this code: its runs wait for a process that has their flow.  ${err(`windhover deployments pause ${name}`, "dim")}`,
      );
}

export function fact(label: string, text: string): void {
  tell(`  ${err(label.padEnd(14), "dim")}${text}`);
}

/** A line for each deployment, with its next time and where it listens. */
export async function tellDeployments({ client, backend }: OpenedEmbedded, deployments: readonly DeploymentDefinition[], url: string): Promise<void> {
  const rows = new Map((await client.deployments()).map((row) => [row.name, row]));
  const now = backend.ports.clock.now();
  for (const { name, settings, triggers } of deployments) {
    const row = rows.get(name);
    const next = Math.min(...(row?.schedules ?? []).flatMap((schedule) => schedule.next ?? []));
    const when = row?.paused ? ["paused"] : Number.isFinite(next) ? [`next ${dateTime(next)} (${relative(next, now)})`] : [];
    const hooks = triggers
      .filter((trigger) => trigger.kind === "webhook")
      .map((trigger) => `POST ${url}/hooks/${(trigger as unknown as { readonly path: string }).path.replace(/^\/+|\/+$/g, "")}`);
    fact("Deployment", `${name} ${err([`of ${settings.flow}`, ...when, ...hooks].join(" · "), "dim")}`);
  }
}

/**
 * Resolves when the process is asked to end, or when `broken` rejects: SIGINT (Ctrl-C) and SIGTERM let turns and tasks under way end first, a second one ends at once.
 */
export function untilAsked(broken: Promise<never>): Promise<void> {
  return new Promise((resolve, reject) => {
    let asked = false;
    const ask = (): void => {
      if (asked) process.exit(130);
      asked = true;
      tell(err("\nStopping: what is under way ends first; Ctrl-C again ends at once. Open runs go on at the next start.", "dim"));
      resolve();
    };
    process.on("SIGINT", ask);
    process.on("SIGTERM", ask);
    broken.catch(reject);
  });
}

/** A promise that rejects with what broke the backend, and the function that breaks it. */
export function breakage(): { readonly broken: Promise<never>; readonly onFatal: (error: unknown) => void } {
  let onFatal: (error: unknown) => void = () => {};
  const broken = new Promise<never>((_, reject) => {
    onFatal = reject;
  });
  broken.catch(() => {});
  return { broken, onFatal };
}

/** A port that is in use is no reason to stop where any will do. */
export async function onFreePort<T>(port: number, start: (port: number) => Promise<T>): Promise<T> {
  try {
    return await start(port);
  } catch (error) {
    if (error instanceof WindhoverError && error.code === "WH3004") return start(0);
    throw error;
  }
}
