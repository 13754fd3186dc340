#!/usr/bin/env node
// `npm start`: installs, builds, and runs the quickstart. What follows `--` is handed on: `npm start -- --exit`.
import { spawn, spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
for (const script of ["install.mjs", "build.mjs"]) {
  const done = spawnSync(process.execPath, [join(root, "scripts", script)], { stdio: "inherit" });
  if (done.status !== 0) process.exit(done.status || 1);
}

const child = spawn(process.execPath, ["--enable-source-maps", join(root, "dist", "cli", "main.js"), "quickstart", ...process.argv.slice(2)], {
  cwd: root,
  stdio: "inherit",
});
// Ctrl-C reaches the whole terminal group, also the child: it is the child that ends tidily, and we end as it ends. A signal to this process alone is handed on.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => child.kill("SIGTERM"));
child.on("exit", (code, signal) => {
  process.exitCode = code ?? (signal === "SIGINT" ? 130 : 143);
});
