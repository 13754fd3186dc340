/** Ports with somebody in between: each asynchronous call goes through an {@link Interceptor}, which may count it, refuse it, repeat it, or never answer. */
import type { Ports } from "../../engine/ports.ts";

export interface PortCall {
  readonly port: keyof Ports;
  readonly method: string;
  readonly args: readonly unknown[];
  /** Does what was asked for. May be called twice. */
  perform(): Promise<unknown>;
}
export type Interceptor = (call: PortCall) => Promise<unknown>;

type Methods = Record<string, (...args: readonly unknown[]) => unknown>;

/** What is answered at once, and so cannot fail on the way. */
const SYNCHRONOUS: ReadonlySet<string> = new Set(["clock", "random"]);

export function intercepted(ports: Ports, interceptor: Interceptor, clock: Ports["clock"] = ports.clock): Ports {
  const result: Record<string, unknown> = {};
  for (const [port, methods] of Object.entries(ports) as [keyof Ports, Methods][]) {
    if (SYNCHRONOUS.has(port)) {
      result[port] = methods;
      continue;
    }
    const wrapped: Methods = {};
    for (const [method, perform] of Object.entries(methods)) {
      if (typeof perform !== "function") continue;
      wrapped[method] =
        port === "aborts" && method === "watch"
          ? perform
          : (...args: readonly unknown[]) => interceptor({ port, method, args, perform: () => perform(...args) as Promise<unknown> });
    }
    result[port] = wrapped;
  }
  return { ...(result as unknown as Ports), clock };
}
