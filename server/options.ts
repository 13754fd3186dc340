/** What the server is made over: any backend's client, the code that is loaded, and the deployments that it declares. */

import type { RunCost } from "../engine/cost.ts";
import type { Code } from "../engine/definition.ts";
import type { Entry } from "../engine/events.ts";
import type { DeploymentDefinition } from "../sdk/deployment.ts";
import type { PortsClient } from "../sdk/ports-client.ts";

export interface ServerOptions {
  readonly client: PortsClient;
  /** Asked at each request, because `windhover dev` loads again; so are the deployments. */
  readonly code: Code;
  /** Deployments of the entries that are loaded now. */
  readonly deployments?: () => readonly DeploymentDefinition[];
  /** Host names under which the server may be called, beside those of this machine. Unset: only the latter, `"*"`: any. */
  readonly hosts?: readonly string[] | "*";
  /** What every request but a webhook's has to bring. Default: WINDHOVER_API_KEY; without either, nobody is asked. */
  readonly apiKey?: string;
  /** Of the package. */
  readonly version?: string;
  /** What a run has cost, where somebody bills for it, by its log. */
  readonly cost?: (entries: readonly Entry[]) => Promise<RunCost>;
  /** Told of what the server could not foresee. */
  readonly onError?: (error: unknown) => void;
}
