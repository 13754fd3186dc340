/** `connect`: a client of the backend in a directory, of a server, or of a deployed stack. */
import { WindhoverError } from "../engine/errors.ts";
import type { Client } from "./client-types.ts";

export type { Client, Run, RunSummary } from "./client-types.ts";

export type ConnectTarget =
  | { readonly directory?: string }
  | { readonly url: string; readonly apiKey?: string }
  | { readonly stack: string; readonly region?: string };

/**
 * Connects to the embedded backend in `directory` (default `.windhover`); runs that it starts, and open ones of flows that are loaded here, go on in this process.
 * @throws WindhoverError WH2010 for a target that cannot be used, WH3001 to WH3003 when the database cannot be opened.
 * @example const client = await connect({ directory: ".windhover" });
 */
export async function connect(target: ConnectTarget = {}): Promise<Client> {
  if ("url" in target || "stack" in target)
    throw new WindhoverError("WH2010", {
      message: "This version connects to the embedded backend only.",
      expected: "{ directory }",
      got: "url" in target ? "{ url }" : "{ stack }",
      action: "Use connect({ directory }) with the directory of the backend.",
    });
  const { openRuntime } = await import("../adapters/embedded/open.ts");
  return (await openRuntime({ directory: target.directory ?? process.env["WINDHOVER_DIRECTORY"] })).client;
}
