/** `windhover.config.ts`: settings of a project. The environment (`WINDHOVER_…`) weighs more, flags weigh most. */
import type { Duration } from "./duration.ts";

/** Where tasks that name a pool run: a Lambda of another size, or a container for more than 15 minutes or 10 GB. Embedded, a bounded number at once. */
export type PoolOptions = { readonly concurrency?: number } & (
  | { readonly kind?: "lambda"; readonly memoryMb?: number; readonly timeoutSeconds?: number }
  | { readonly kind: "container"; readonly cpu: number; readonly memoryMb: number; readonly image?: string }
);

export interface Config {
  /** Files that export flows and deployments. Relative paths count from the config file's folder. */
  readonly entry: string | readonly string[];
  /** Where the embedded database lies. Default: `.windhover`. */
  readonly directory?: string;
  readonly port?: number;
  readonly stages?: Readonly<Record<string, { readonly stack?: string; readonly region?: string; readonly profile?: string; readonly directory?: string }>>;
  readonly pools?: Readonly<Record<string, PoolOptions>>;
  readonly retention?: { readonly completed?: Duration; readonly failed?: Duration };
}

/** @example export default defineConfig({ entry: "./flows/index.ts" }); */
export function defineConfig(config: Config): Config {
  return config;
}
