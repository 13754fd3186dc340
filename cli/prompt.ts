/** Questions on a terminal. What is secret is not shown while it is typed. */
import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";

/** Whether there is somebody to ask. */
export const canAsk = (): boolean => process.stdin.isTTY === true && process.stderr.isTTY === true;

/** The line that was typed. Ctrl-C ends the command. */
export async function ask(question: string, { hidden = false }: { readonly hidden?: boolean } = {}): Promise<string> {
  // Readline writes what is typed to its output: for a secret that is nowhere.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: hidden ? nowhere : process.stderr, terminal: true });
  const stopped = new AbortController();
  lines.on("SIGINT", () => stopped.abort());
  process.stderr.write(hidden ? question : "");
  try {
    return await lines.question(hidden ? "" : question, { signal: stopped.signal });
  } catch (error) {
    if (!stopped.signal.aborted) throw error;
    process.stderr.write("\n");
    return process.exit(130);
  } finally {
    lines.close();
    if (hidden) process.stderr.write("\n");
  }
}
