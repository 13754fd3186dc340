/** `windhover.config.ts`: settings of a project. The environment (`WINDHOVER_…`) weighs more, flags weigh most. */
import type { Duration } from "./duration.ts";

/**
 * Where tasks that name a pool run: a Lambda of another size, or a container for more than 15 minutes or 10 GB. Embedded, a bounded number at once. What AWS does not know is refused at
 * synthesis (WH2031).
 */
export type PoolOptions = {
  /** Embedded: tasks at once (default 16). On AWS: functions of a Lambda pool (from 2 on; default: no bound), or containers (default 10). */
  readonly concurrency?: number;
} & (
  | {
      readonly kind?: "lambda";
      /** 128 to 10,240; default 1024. */
      readonly memoryMb?: number;
      /** The longest that one task may take, 1 to 900, which is the default. */
      readonly timeoutSeconds?: number;
    }
  | {
      readonly kind: "container";
      /** Number of vCPUs: 0.25, 0.5, 1, 2, 4, 8 or 16. */
      readonly cpu: number;
      /** What Fargate has with that many vCPUs. */
      readonly memoryMb: number;
      /** One for arm64, with Node and the AWS SDK's client of S3 in it. Default: Lambda's own image for Node. */
      readonly image?: string;
    }
);

/** Each setting is checked when a command reads it (WH2010). */
export interface Config {
  /** Files that export flows and deployments. Relative paths count from the config file's folder. */
  readonly entry: string | readonly string[];
  /** Where the embedded database lies. Default: `.windhover` beside the config file. */
  readonly directory?: string;
  /** Where `windhover dev` listens. Default: 4600. */
  readonly port?: number;
  /** Places by name, each a stack (where it lies, and which AWS profile is used) or a directory: `--stage NAME` means that one. */
  readonly stages?: Readonly<Record<string, { readonly stack?: string; readonly region?: string; readonly profile?: string; readonly directory?: string }>>;
  /** By name. `default` is the pool of tasks that name none. */
  readonly pools?: Readonly<Record<string, PoolOptions>>;
  /**
   * How long a run is kept after its end. Cancelled runs count as completed, crashed ones as failed. What is left out: on AWS 90 days for completed and 180 days for failed runs,
   * embedded for ever.
   */
  readonly retention?: { readonly completed?: Duration; readonly failed?: Duration };
}

/**
 * Returns what it is given; it is there for the types.
 * @example export default defineConfig({ entry: "./flows/index.ts" });
 */
export function defineConfig(config: Config): Config {
  return config;
}
