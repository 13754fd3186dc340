/** A client of a deployed stack, with the AWS credentials of this process. Nothing runs here: messages go to the stack, and what they come to is read from its log. */
import type { Code } from "../../engine/definition.ts";
import type { Log, Ports } from "../../engine/ports.ts";
import { shared } from "../../engine/scope.ts";
import { PortsClient } from "../../sdk/ports-client.ts";
import { openAws } from "./backend.ts";
import { type AwsClients, createClients } from "./clients.ts";
import { describeStack, type StackTarget } from "./describe.ts";
import { knownFlows } from "./known-flows.ts";
import type { StackResources } from "./stack.ts";

export interface OpenedStack {
  readonly client: PortsClient;
  readonly ports: Ports;
  readonly resources: StackResources;
  readonly code: Code;
  /** Resolves when the actor's log may have grown. */
  readonly changed: (actor: string) => Promise<void>;
  close(): Promise<void>;
}

/** Between two looks at a log that does not grow: at first often, then at most so seldom, for each look is a request that is paid for. Unit: milliseconds. */
const LOOK_MS = 50;
const LOOK_MOST_MS = 2000;
const LOOK_GROWTH = 1.4;

/**
 * @throws what {@link describeStack} throws
 * @example const { client, close } = await openStack({ stack: "Flows", region: "eu-west-1" });
 */
export async function openStack(target: StackTarget): Promise<OpenedStack> {
  const resources = await describeStack(target);
  const clients = createClients({ region: resources.region, ...(target.profile !== undefined && { profile: target.profile }) });
  return openResources(resources, clients);
}

/** The same for a stack whose description is at hand. The clients are closed with it. */
export function openResources(resources: StackResources, clients: AwsClients & { close(): void }, code: Code = shared.code): OpenedStack {
  const backend = openAws({ stack: resources, clients, role: "client" });
  const looks = new Map<string, { n: number; looks: number }>();
  const ports: Ports = { ...backend.ports, log: observed(backend.ports.log, looks) };
  const changed = (actor: string): Promise<void> => {
    const known = looks.get(actor) ?? { n: 0, looks: 0 };
    looks.set(actor, { ...known, looks: known.looks + 1 });
    return ports.clock.wait(Math.min(LOOK_MOST_MS, LOOK_MS * LOOK_GROWTH ** known.looks));
  };
  const close = async (): Promise<void> => {
    // It gives back what is in hand, by the same clients.
    await backend.close().finally(() => clients.close());
  };
  const client = new PortsClient({ ports, code, changed, close, flowsElsewhere: () => knownFlows({ stack: resources, clients }) });
  return { client, ports, resources, code, changed, close };
}

/** A log that has grown is looked at often again. */
function observed(log: Log, looks: Map<string, { n: number; looks: number }>): Log {
  return {
    read: (actor, from, to) => log.read(actor, from, to),
    append: (entry) => log.append(entry),
    async tail(actor) {
      const tail = await log.tail(actor);
      const known = looks.get(actor);
      if (known && tail && tail.n > known.n) looks.set(actor, { n: tail.n, looks: 0 });
      return tail;
    },
  };
}
