#!/usr/bin/env node
/** The command `windhover`. What needs a newer Node than this one may be is imported after that is checked. */
import type { CommanderError } from "commander";

// Which Node a package of ours supports is not for the user of a command to hear at each call.
process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] ??= "true";
const debug = process.argv.includes("--debug");
// `windhover … | head` has read enough.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
// Nobody listens to the story any more: the run goes on all the same.
process.stderr.on("error", () => {});
// The backend keeps no process alive by itself; a command is over when its work is.
const alive = setInterval(() => {}, 1 << 30);
try {
  const { checkNode } = await import("../sdk/node-version.ts");
  checkNode();
  const { tellUncaught } = await import("./uncaught.ts");
  tellUncaught(debug);
  const { program } = await import("./program.ts");
  await program().parseAsync(process.argv);
} catch (error) {
  if (isCommander(error)) process.exitCode = error.exitCode === 0 ? 0 : 2;
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

/** It has told what is wrong itself. */
function isCommander(error: unknown): error is CommanderError {
  return typeof (error as { readonly code?: unknown }).code === "string" && (error as CommanderError).code.startsWith("commander.");
}
