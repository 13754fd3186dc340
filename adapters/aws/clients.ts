/**
 * The AWS clients of one process. Each is made when it is first asked for, so that a function loads and connects only what it uses. They take credentials, region and
 * `AWS_ENDPOINT_URL` from where every AWS program takes them.
 */
import type { CloudWatchLogsClient } from "@aws-sdk/client-cloudwatch-logs";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import type { ECSClient } from "@aws-sdk/client-ecs";
import type { EventBridgeClient } from "@aws-sdk/client-eventbridge";
import type { LambdaClient } from "@aws-sdk/client-lambda";
import type { S3Client } from "@aws-sdk/client-s3";
import type { SchedulerClient } from "@aws-sdk/client-scheduler";
import type { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { SQSClient } from "@aws-sdk/client-sqs";

/** One request that was answered or refused, for those who count them. */
export interface AnsweredRequest {
  readonly service: keyof AwsClients;
  /** Such as `PutItem`. */
  readonly operation: string;
  readonly input: object;
  /** Empty where it was refused. */
  readonly output: object;
  /** Why it was refused: a failed condition costs what a success does. */
  readonly error?: unknown;
}

export interface ClientOptions {
  readonly region?: string;
  /** A profile of the user's AWS configuration. */
  readonly profile?: string;
  /** Another address than the environment's. */
  readonly endpoint?: string;
  /** Told of each request that was answered or refused. */
  readonly onRequest?: (request: AnsweredRequest) => void;
}

export interface AwsClients {
  readonly dynamodb: DynamoDBClient;
  readonly sqs: SQSClient;
  readonly s3: S3Client;
  readonly scheduler: SchedulerClient;
  readonly secrets: SecretsManagerClient;
  readonly logs: CloudWatchLogsClient;
  readonly events: EventBridgeClient;
  readonly lambda: LambdaClient;
  readonly ecs: ECSClient;
}

/** Every invocation needs these. Of the others the code is loaded when something is sent for the first time: a function starts the sooner for it. So do their commands. */
const MADE: { readonly [K in keyof AwsClients]: (options: object) => Client } = {
  dynamodb: (options) => new DynamoDBClient(options) as unknown as Client,
  sqs: (options) => new SQSClient(options) as unknown as Client,
  s3: late(() => import("./late/s3.ts").then(({ S3Client }) => S3Client)),
  scheduler: late(() => import("./late/scheduler.ts").then(({ SchedulerClient }) => SchedulerClient)),
  secrets: late(() => import("./late/secrets.ts").then(({ SecretsManagerClient }) => SecretsManagerClient)),
  logs: late(() => import("./late/logs.ts").then(({ CloudWatchLogsClient }) => CloudWatchLogsClient)),
  events: late(() => import("./late/events.ts").then(({ EventBridgeClient }) => EventBridgeClient)),
  lambda: late(() => import("./late/lambda.ts").then(({ LambdaClient }) => LambdaClient)),
  ecs: late(() => import("./late/ecs.ts").then(({ ECSClient }) => ECSClient)),
};

export function createClients({ region, profile, endpoint, onRequest }: ClientOptions = {}): AwsClients & { close(): void } {
  const elsewhere = endpoint ?? process.env["AWS_ENDPOINT_URL"];
  const options = {
    ...(region !== undefined && { region }),
    ...(profile !== undefined && { profile }),
    ...(endpoint !== undefined && { endpoint }),
    maxAttempts: 6,
    // At another address than AWS's own: buckets are no host names there, and a queue's address is not to be gone to directly.
    ...(elsewhere !== undefined && { forcePathStyle: true, useQueueUrlAsEndpoint: false }),
  };
  const made = new Map<string, Client>();
  const clients = {
    close: () => {
      for (const client of made.values()) client.destroy();
    },
  };
  for (const [service, make] of Object.entries(MADE)) {
    Object.defineProperty(clients, service, {
      enumerable: true,
      get() {
        let client = made.get(service);
        if (!client) {
          client = make(options);
          if (onRequest) observe(client, service as keyof AwsClients, onRequest);
          made.set(service, client);
        }
        return client;
      },
    });
  }
  return clients as unknown as AwsClients & { close(): void };
}

/** What we use of a client. */
interface Client {
  readonly middlewareStack: {
    add(
      middleware: (
        next: (args: { input: object }) => Promise<{ output: object }>,
        context: { commandName?: string },
      ) => (args: { input: object }) => Promise<{ output: object }>,
      options: { step: "initialize"; name: string },
    ): void;
  };
  send(...request: readonly unknown[]): Promise<unknown>;
  destroy(): void;
}
type Made = new (options: object) => unknown;

function late(load: () => Promise<Made>): (options: object) => Client {
  return (options) => {
    const middleware: Parameters<Client["middlewareStack"]["add"]>[] = [];
    let loaded: Client | undefined;
    const client = async (): Promise<Client> => {
      const Loaded = await load();
      if (loaded) return loaded;
      loaded = new Loaded(options) as Client;
      for (const args of middleware) loaded.middlewareStack.add(...args);
      return loaded;
    };
    return {
      middlewareStack: { add: (...args) => (loaded ? loaded.middlewareStack.add(...args) : void middleware.push(args)) },
      send: async (...request) => (loaded ?? (await client())).send(...request),
      destroy: () => loaded?.destroy(),
    };
  };
}

function observe(client: Client, service: keyof AwsClients, onRequest: NonNullable<ClientOptions["onRequest"]>): void {
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const request = { service, operation: (context.commandName ?? "").replace(/Command$/, ""), input: args.input };
      const answer = await next(args).catch((error: unknown) => {
        onRequest({ ...request, output: {}, error });
        throw error;
      });
      onRequest({ ...request, output: answer.output });
      return answer;
    },
    { step: "initialize", name: "windhoverObserver" },
  );
}
