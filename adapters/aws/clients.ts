/**
 * The AWS clients of one process. Each is made when it is first asked for, so that a function loads and connects only what it uses. They take credentials, region and
 * `AWS_ENDPOINT_URL` from where every AWS program takes them.
 */
import { CloudWatchLogsClient } from "@aws-sdk/client-cloudwatch-logs";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { ECSClient } from "@aws-sdk/client-ecs";
import { EventBridgeClient } from "@aws-sdk/client-eventbridge";
import { LambdaClient } from "@aws-sdk/client-lambda";
import { S3Client } from "@aws-sdk/client-s3";
import { SchedulerClient } from "@aws-sdk/client-scheduler";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
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

const MADE = {
  dynamodb: (options) => new DynamoDBClient(options),
  sqs: (options) => new SQSClient(options),
  s3: (options) => new S3Client(options),
  scheduler: (options) => new SchedulerClient(options),
  secrets: (options) => new SecretsManagerClient(options),
  logs: (options) => new CloudWatchLogsClient(options),
  events: (options) => new EventBridgeClient(options),
  lambda: (options) => new LambdaClient(options),
  ecs: (options) => new ECSClient(options),
} as const satisfies Record<string, (options: object) => object>;

export type AwsClients = { readonly [K in keyof typeof MADE]: ReturnType<(typeof MADE)[K]> };

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
  const made = new Map<string, { destroy(): void }>();
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
          if (onRequest) observe(client as unknown as Observable, service as keyof AwsClients, onRequest);
          made.set(service, client);
        }
        return client;
      },
    });
  }
  return clients as AwsClients & { close(): void };
}

interface Observable {
  readonly middlewareStack: {
    add(
      middleware: (
        next: (args: { input: object }) => Promise<{ output: object }>,
        context: { commandName?: string },
      ) => (args: { input: object }) => Promise<{ output: object }>,
      options: { step: "initialize"; name: string },
    ): void;
  };
}

function observe(client: Observable, service: keyof AwsClients, onRequest: NonNullable<ClientOptions["onRequest"]>): void {
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
