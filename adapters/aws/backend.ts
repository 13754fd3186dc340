/** All ports of the engine over one deployed stack. */
import { WindhoverError } from "../../engine/errors.ts";
import type { Clock, Inbox, Ports, Random } from "../../engine/ports.ts";
import { createAborts } from "./aborts.ts";
import { createClaims } from "./claims.ts";
import { type AwsClients, createClients } from "./clients.ts";
import { createEvents } from "./events.ts";
import { createInbox } from "./inbox.ts";
import { createIndex } from "./index-rows.ts";
import { createLog } from "./log.ts";
import { createLogs } from "./logs.ts";
import { createMailbox } from "./mailbox.ts";
import type { Parts, Role } from "./parts.ts";
import { createRegistry } from "./registry.ts";
import { createResults } from "./results.ts";
import { createSecrets } from "./secrets.ts";
import type { StackResources } from "./stack.ts";
import { systemClock, systemRandom } from "./system.ts";
import { createTaskQueue } from "./tasks.ts";
import { createTimers } from "./timers.ts";

export interface AwsOptions {
  readonly stack: StackResources;
  readonly role: Role;
  /** Made for the stack's region, with the environment's credentials, unless they are given; those that are given are not closed. */
  readonly clients?: AwsClients;
  readonly clock?: Clock;
  readonly random?: Random;
}

export interface AwsBackend {
  readonly ports: Ports;
  readonly clients: AwsClients;
  /** Gives back what is in hand and lets go of the connections. Later calls fail with WH3008, and no watch fires any more. */
  close(): Promise<void>;
}

/**
 * Opens a deployed stack. Nothing is asked of AWS before a port is used.
 * @example const { ports, close } = openAws({ stack: parseStack(process.env[STACK_VARIABLE], STACK_VARIABLE), role: "orchestrator" });
 */
export function openAws({ stack, role, clients: given, clock = systemClock, random = systemRandom }: AwsOptions): AwsBackend {
  const own = given === undefined ? createClients({ region: stack.region }) : undefined;
  const clients: AwsClients = given ?? (own as AwsClients);
  const parts: Parts = { stack, clients, clock, random, role };
  let open = true;
  const guard = <T extends object>(port: T): T => guarded(port, () => open);
  const aborts = createAborts(parts);
  const results = createResults(parts);
  const inbox = createInbox(parts);
  const index = createIndex(parts);
  const ports: Ports = {
    log: guard(createLog(parts)),
    mailbox: guard(createMailbox(parts)),
    inbox: guard<Inbox>(inbox),
    tasks: guard(createTaskQueue(parts)),
    claims: guard(createClaims(parts)),
    aborts,
    timers: guard(createTimers(parts)),
    results: guard(results),
    index: guard(index),
    registry: guard(createRegistry(parts)),
    secrets: guard(createSecrets(parts)),
    logs: guard(createLogs({ ...parts, createdAt: async (run) => (await index.run(run))?.createdAt })),
    events: guard(createEvents(parts)),
    clock,
    random,
  };
  return {
    ports,
    clients,
    async close() {
      if (!open) return;
      open = false;
      aborts.close();
      await inbox.close().finally(() => own?.close());
    },
  };
}

/** The same port, whose methods refuse once the backend is closed. All of them are asynchronous. */
function guarded<T extends object>(port: T, open: () => boolean): T {
  return new Proxy(port, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== "function") return method;
      return async (...args: readonly unknown[]) => {
        if (open()) return Reflect.apply(method, target, args);
        throw new WindhoverError("WH3008", { message: `\`${String(name)}\` was called after the backend was closed.` });
      };
    },
  });
}
