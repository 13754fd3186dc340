#!/usr/bin/env node
/** The command `windhover`. */
import { CommanderError } from "commander";
import { program } from "./program.ts";

// Which Node a package of ours supports is not for the user of a command to hear at each call.
process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] ??= "true";
const debug = process.argv.includes("--debug");
const windhover = program();
// `windhover … | head` has read enough.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
// Nobody listens to the story any more: the run goes on all the same.
process.stderr.on("error", () => {});
// The backend keeps no process alive by itself; a command is over when its work is.
const alive = setInterval(() => {}, 1 << 30);
try {
  await windhover.parseAsync(process.argv);
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else {
    const { exitCodeOf, tellError } = await import("./failure.ts");
    tellError(error, debug);
    process.exitCode = exitCodeOf(error);
  }
} finally {
  clearInterval(alive);
}
// What the author's code left open (a connection, a timer) does not keep a finished command alive; what was printed is written first.
await Promise.all([process.stdout, process.stderr].map((stream) => new Promise((written) => stream.write("", written))));
process.exit();
