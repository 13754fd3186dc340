/** `connect`: a client of the backend in a directory, of a server, or of a deployed stack. */
import type { Client } from "./client-types.ts";

export type { Client, Run, RunSummary } from "./client-types.ts";

export type ConnectTarget =
  | { readonly directory?: string }
  | { readonly url: string; readonly apiKey?: string }
  | { readonly stack: string; readonly region?: string };

/**
 * Connects to the embedded backend in `directory` (default `.windhover`; runs that it starts, and open ones of flows that are loaded here, go on in this process), to the server
 * at `url` (`apiKey`: default WINDHOVER_API_KEY), or to a deployed stack by its name, with the AWS credentials of this process.
 * @throws WindhoverError WH2010 for a target that cannot be used, WH3001 to WH3003 when the database cannot be opened, WH2053, WH2054 or WH2059 when the stack cannot be found, WH3102 to WH3106 when AWS does not let us ask.
 * @example const client = await connect({ stack: "Flows", region: "eu-west-1" });
 */
export async function connect(target: ConnectTarget = {}): Promise<Client> {
  if ("url" in target) {
    const { HttpClient } = await import("./http-client.ts");
    return new HttpClient(target);
  }
  if ("stack" in target) {
    const { openStack } = await import("../adapters/aws/open.ts");
    return (await openStack(target)).client;
  }
  const { openRuntime } = await import("../adapters/embedded/open.ts");
  return (await openRuntime({ directory: target.directory ?? process.env["WINDHOVER_DIRECTORY"] })).client;
}
