/** Requests to a server, and what its answers mean: a refusal becomes the error that the server had, and what says nothing of the kind becomes WH2051. */
import { ERRORS, type ErrorCode, WindhoverError } from "../engine/errors.ts";

export interface HttpTarget {
  readonly url: string;
  readonly apiKey?: string;
}

interface Ask {
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
  /** Asked twice is asked once: it is sent again when no answer came. Reading always is. */
  readonly again?: boolean;
}

/** Attempts of a request that may be sent again, and the pause after the first. Unit of the pause: milliseconds. */
const ATTEMPTS = 4;
const PAUSE_MS = 200;
/** Between two looks at a run that goes on: at first often, for one that ends at once, then at most so seldom. Unit: milliseconds. */
const LOOK_MS = 50;
const LOOK_MOST_MS = 2000;
/** A gateway's words for a server that is not there for the moment. */
const PASSING: ReadonlySet<number> = new Set([429, 502, 503, 504]);

export class Connection {
  readonly #base: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #closed = new AbortController();

  /** @throws WH2010 for what is no address. */
  constructor({ url, apiKey = process.env["WINDHOVER_API_KEY"] }: HttpTarget) {
    const parsed = URL.canParse(url) ? new URL(url) : undefined;
    if (!parsed || !/^https?:$/.test(parsed.protocol))
      throw new WindhoverError("WH2010", {
        message: `"${url}" is not the address of a server.`,
        expected: "an address such as http://127.0.0.1:4600",
        got: url,
        action: "Give connect({ url }) the address that `windhover dev` prints, or that of the stack's API.",
      });
    this.#base = `${parsed.origin}${parsed.pathname.replace(/\/*$/, "/")}`;
    this.#headers = { accept: "application/json", "x-windhover-values": "tagged", ...(apiKey && { authorization: `Bearer ${apiKey}` }) };
  }

  /** @throws WindhoverError as the server has it · WH2051 when it cannot be reached · WH3008 after `close`. */
  async ask<T>(
    method: "GET" | "POST" | "PUT" | "DELETE",
    path: string,
    { query = {}, body, again = method === "GET" || method === "DELETE" }: Ask = {},
  ): Promise<T> {
    const given = Object.entries(query).filter((pair): pair is [string, string] => pair[1] !== undefined);
    const url = `${this.#base}${path}${given.length > 0 ? `?${new URLSearchParams(given).toString()}` : ""}`;
    const init = {
      method,
      headers: { ...this.#headers, ...(body !== undefined && { "content-type": "application/json" }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    };
    for (let attempt = 1; ; attempt++) {
      this.#refuseClosed();
      const last = !again || attempt === ATTEMPTS;
      try {
        const answer = await fetch(url, { ...init, signal: this.#closed.signal });
        if (last || !PASSING.has(answer.status)) return (await read(answer, url)) as T;
        await answer.body?.cancel();
      } catch (error) {
        this.#refuseClosed();
        if (error instanceof WindhoverError) throw error;
        if (last) throw unreachable(this.#base, reasonOf(error), error);
      }
      await this.#wait(PAUSE_MS * 2 ** (attempt - 1));
    }
  }

  /** Before the next look at a run, the `looks`-th. */
  pause(looks: number): Promise<void> {
    return this.#wait(Math.min(LOOK_MOST_MS, LOOK_MS * 1.3 ** looks));
  }
  close(): void {
    this.#closed.abort();
  }

  #refuseClosed(): void {
    if (this.#closed.signal.aborted) throw new WindhoverError("WH3008", { message: `The connection to ${this.#base} was closed.` });
  }
  #wait(ms: number): Promise<void> {
    const { signal } = this.#closed;
    return new Promise((resolve) => {
      const timer = setTimeout(done, ms);
      function done(): void {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      }
      signal.addEventListener("abort", done);
    });
  }
}

async function read(answer: Response, url: string): Promise<unknown> {
  const text = await answer.text();
  if (answer.status === 204) return undefined;
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw unreachable(url, `it answered ${answer.status} with something that is not JSON: ${text.slice(0, 100).replace(/\s+/g, " ")}`);
  }
  if (answer.ok) return body;
  const { code, message, expected, got, action } = body as Readonly<Record<string, string | undefined>>;
  if (code === undefined || !(code in ERRORS)) throw unreachable(url, `it answered ${answer.status}: ${text.slice(0, 200)}`);
  throw new WindhoverError(code as ErrorCode, {
    message: message ?? "The server refused the request.",
    ...(expected !== undefined && { expected }),
    ...(got !== undefined && { got }),
    ...(action !== undefined && { action }),
  });
}

const unreachable = (where: string, why: string, cause?: unknown): WindhoverError =>
  new WindhoverError("WH2051", {
    message: `The server at ${where} could not be asked: ${why}`,
    expected: "a Windhover server's answer",
    got: why,
    ...(cause !== undefined && { cause }),
  });

/** `fetch` says "fetch failed", and why in its cause. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  const { code, message: inner } = (cause ?? {}) as NodeJS.ErrnoException;
  return code === "ECONNREFUSED" ? "nobody listens there (ECONNREFUSED)." : (inner ?? message) || (code ?? String(error));
}
