/**
 * What a backend has to offer to be put under contract, and how the cases of a contract are registered. Every backend passes the same cases; where one cannot,
 * its table says why in words, and the reason is printed with the skipped case.
 */
import { describe, expect, test } from "vitest";
import type { Ports } from "../../engine/ports.ts";

export interface Emitted {
  readonly id: string;
  readonly type: string;
  readonly run: string;
  readonly at: number;
  readonly detail: unknown;
}

export interface Backend {
  readonly ports: Ports;
  /** Lets time pass: virtual, or the fastest that the backend can. Afterwards all that was due has happened. Unit: milliseconds. */
  advance(ms: number): Promise<void>;
  /** Kills the process without a farewell and starts another on the same data. This backend is dead afterwards, the new one is to be closed. */
  reopen?(): Promise<Backend>;
  /** A second process beside this one on the same data. Both are to be closed. */
  beside?(): Promise<Backend>;
  /** Takes one entry out of a log, as a damaged disk would. */
  lose?(actor: string, n: number): Promise<void>;
  /** What a subscriber to `events` has been handed so far, repetitions included. */
  emitted?(): Promise<readonly Emitted[]>;
  close(): Promise<void>;
}

/** Each call makes a backend that is empty. */
export type Make = () => Promise<Backend>;

/** Why a case is skipped: keys are `port: title of the case`, or one of `reopen`, `beside`, `lose`, `emitted` for what the backend cannot offer. */
export type Skips = Readonly<Record<string, string>>;

/** A backend as a case sees it: what the backend does not offer skips the case if there is a reason, and fails it if there is none. */
export interface Subject {
  readonly ports: Ports;
  advance(ms: number): Promise<void>;
  reopen(): Promise<Subject>;
  beside(): Promise<Subject>;
  lose(actor: string, n: number): Promise<void>;
  emitted(): Promise<readonly Emitted[]>;
}

export type Check = (title: string, promise: (subject: Subject) => Promise<void>) => void;

/** Registers the cases of one port, each on a backend of its own, which is closed whatever happens. */
export function contract(port: string, make: Make, skips: Skips, register: (check: Check) => void): void {
  const titles = new Set<string>();
  describe(port, () => {
    register((title, promise) => {
      titles.add(`${port}: ${title}`);
      test(title, async (context) => {
        const reason = skips[`${port}: ${title}`];
        if (reason !== undefined) context.skip(reason);
        const open = new Set<Backend>();
        const lacks = (what: string): never => {
          const why = skips[what];
          return why === undefined ? expect.fail(`The backend offers no \`${what}\`, and its table gives no reason.`) : context.skip(why);
        };
        const subject = (backend: Backend): Subject => {
          open.add(backend);
          return {
            ports: backend.ports,
            advance: (ms) => backend.advance(ms),
            async reopen() {
              const next = (await backend.reopen?.()) ?? lacks("reopen");
              open.delete(backend);
              return subject(next);
            },
            beside: async () => subject((await backend.beside?.()) ?? lacks("beside")),
            lose: async (actor, n) => (backend.lose ? await backend.lose(actor, n) : lacks("lose")),
            emitted: async () => (await backend.emitted?.()) ?? lacks("emitted"),
          };
        };
        try {
          await promise(subject(await make()));
        } finally {
          for (const backend of open) await backend.close();
        }
      });
    });
    for (const key of Object.keys(skips)) {
      if (key.startsWith(`${port}: `) && !titles.has(key)) test(`the skipped case "${key}" exists`, () => expect.fail("Take it out of the backend's table."));
    }
  });
}

/** Looks again and again while time passes, at most ten minutes of it, until there is an answer. */
export async function eventually<T>(subject: Subject, what: string, look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (let ms = 10; ms < 400_000; ms *= 2) {
    const seen = await look();
    if (seen !== undefined) return seen;
    await subject.advance(ms);
  }
  return expect.fail(`It did not happen within ten minutes: ${what}.`);
}
