/** The app on a port of this machine. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import type { Hono } from "hono";
import { WindhoverError } from "../engine/errors.ts";

export interface Listening {
  /** `http://127.0.0.1:4600` */
  readonly url: string;
  readonly port: number;
  /** Ends open connections too. */
  close(): Promise<void>;
}

/**
 * Port 0 takes a free one.
 * @throws WH3004 when the port is in use · WH2010 when the machine does not let us have it.
 */
export async function listen(app: Hono, { port, host = "127.0.0.1" }: { readonly port: number; readonly host?: string }): Promise<Listening> {
  const server = createAdaptorServer({ fetch: app.fetch });
  server.listen(port, host);
  try {
    await once(server, "listening");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "EADDRINUSE") throw await inUse(host, port);
    throw new WindhoverError("WH2010", {
      message: `The server cannot listen on ${host}:${port}: ${message}`,
      expected: "an address and port that this user may listen on",
      got: `${host}:${port}`,
      cause: error,
    });
  }
  const bound = (server.address() as AddressInfo).port;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${bound}`,
    port: bound,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        if ("closeAllConnections" in server) server.closeAllConnections();
      }),
  };
}

/** The other one may be a Windhover: then looking there is likely what was wanted. */
async function inUse(host: string, port: number): Promise<WindhoverError> {
  const url = `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
  const isOurs = await fetch(`${url}/api/openapi.json`, { signal: AbortSignal.timeout(ANSWER_MS) })
    .then((answer) => answer.text())
    .then((text) => text.includes('"Windhover"'))
    .catch(() => false);
  return new WindhoverError("WH3004", {
    message: isOurs ? `Port ${port} is in use: Windhover serves there already.` : `Port ${port} is in use.`,
    expected: "a free port",
    got: String(port),
    ...(isOurs && { action: `Look at ${url}; to serve another folder beside it, choose another port with --port.` }),
  });
}
const ANSWER_MS = 1000;
