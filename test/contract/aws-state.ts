/** What the runners of the state's ports share: a process over tables and a bucket, on virtual time, that knows when its requests are answered. */
import { randomUUID } from "node:crypto";
import { DeleteItemCommand } from "@aws-sdk/client-dynamodb";
import { openAws } from "../../adapters/aws/backend.ts";
import { type AwsClients, createClients } from "../../adapters/aws/clients.ts";
import type { StackResources } from "../../adapters/aws/stack.ts";
import { createTables, deleteTables, stackNamed } from "../aws/resources.ts";
import { VirtualClock } from "../embedded/virtual-clock.ts";
import type { Backend } from "./backend.ts";
import { NOON } from "./samples.ts";

/** One world: its processes share the tables and the time. */
interface Place {
  readonly stack: StackResources;
  readonly endpoint: string;
  readonly clock: VirtualClock;
  readonly open: Set<Process>;
  /** Takes away what the world consisted of. */
  remove(clients: AwsClients): Promise<void>;
}

interface Process {
  readonly requests: Requests;
}

/** Counts the requests of a client that are under way. */
class Requests {
  #pending = 0;
  #idle: (() => void)[] = [];

  watch(client: { send: (...args: never[]) => Promise<unknown> }): void {
    const send = client.send.bind(client) as (...args: readonly unknown[]) => Promise<unknown>;
    client.send = (...args: readonly unknown[]): Promise<unknown> => {
      this.#pending++;
      return send(...args).finally(() => {
        if (--this.#pending === 0) for (const idle of this.#idle.splice(0)) idle();
      });
    };
  }

  /** Resolves once nothing is under way, and what follows from the answers has begun and ended too. */
  async settled(): Promise<void> {
    do {
      if (this.#pending > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
      for (let i = 0; i < 2; i++) await new Promise((resolve) => setImmediate(resolve));
    } while (this.#pending > 0);
  }
}

function open(place: Place): Backend {
  const clients = createClients({ region: place.stack.region, endpoint: place.endpoint });
  const requests = new Requests();
  for (const client of [clients.dynamodb, clients.s3]) requests.watch(client as never);
  const process: Process = { requests };
  place.open.add(process);
  const backend = openAws({ stack: place.stack, clients, role: "executor", clock: place.clock });
  const end = async (): Promise<void> => {
    await backend.close();
    place.open.delete(process);
  };
  return {
    ports: backend.ports,
    async advance(ms) {
      const settle = async (): Promise<void> => {
        for (const each of place.open) await each.requests.settled();
      };
      for (const until = place.clock.now() + ms; place.clock.now() < until; ) {
        await settle();
        // From one wait's end to the next, so that what follows from it is there before time passes on.
        const next = place.clock.next();
        await place.clock.advance(Math.max(0, Math.min(until, next ?? until) - place.clock.now()));
      }
      await settle();
    },
    async reopen() {
      await end();
      clients.close();
      return open(place);
    },
    beside: async () => open(place),
    lose: async (actor, n) => {
      const Key = { pk: { S: actor }, sk: { S: String(n).padStart(8, "0") } };
      await clients.dynamodb.send(new DeleteItemCommand({ TableName: place.stack.stateTable, Key }));
    },
    async close() {
      await end();
      if (place.open.size === 0) await place.remove(clients);
      clients.close();
    },
  };
}

export interface WorldOptions {
  readonly endpoint: string;
  /** What a world has besides its tables. */
  readonly more?: {
    create(clients: AwsClients, stack: StackResources): Promise<void>;
    remove(clients: AwsClients, stack: StackResources): Promise<void>;
  };
}

/** A world of its own: fresh tables, under names that nobody else has. */
export async function createWorld({ endpoint, more }: WorldOptions): Promise<Backend> {
  const stack = stackNamed(`contract-${randomUUID()}`);
  const clients = createClients({ region: stack.region, endpoint });
  await createTables(clients, stack);
  await more?.create(clients, stack);
  clients.close();
  return open({
    stack,
    endpoint,
    clock: new VirtualClock(NOON),
    open: new Set(),
    async remove(last) {
      await deleteTables(last, stack);
      await more?.remove(last, stack);
    },
  });
}
