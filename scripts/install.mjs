#!/usr/bin/env node
// Installs what package-lock.json says, and nothing when it is there already: `npm start` and `npm test` begin here, so that a fresh clone needs no other command.
// Plain JavaScript with no dependency, because it runs before there are any.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The first package that is not installed as locked, or null. npm keeps what it installed in a lock file of its own inside node_modules. */
export function missing(folder = root) {
  const packages = (file) => JSON.parse(readFileSync(join(folder, file), "utf8")).packages;
  const locked = packages("package-lock.json");
  let installed;
  try {
    installed = packages("node_modules/.package-lock.json");
  } catch {
    return "node_modules";
  }
  for (const [path, { version, optional, devOptional }] of Object.entries(locked)) {
    if (path === "") continue;
    const there = installed[path];
    // Optional packages are binaries of other platforms as a rule.
    if (there ? there.version !== version : !optional && !devOptional) return path.replace(/^.*node_modules\//, "");
  }
  return null;
}

export function install(folder = root) {
  const what = missing(folder);
  if (what === null) return;
  console.log(what === "node_modules" ? "Installing the dependencies (npm ci) …" : `Installing the dependencies (npm ci): ${what} is not as locked …`);
  const npm = process.env.npm_execpath;
  const args = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
  const options = { cwd: folder, stdio: ["ignore", "pipe", "pipe"], encoding: "utf8" };
  const done = npm?.endsWith("js")
    ? spawnSync(process.execPath, [npm, ...args], options)
    : spawnSync("npm", args, { ...options, shell: process.platform === "win32" });
  if (done.status === 0) return;
  process.stderr.write(`${done.stdout ?? ""}${done.stderr ?? ""}${done.error ? `${done.error.message}\n` : ""}`);
  console.error("npm ci failed: see above. Is the network there?");
  process.exit(done.status || 1);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const least = Number(/\d+/.exec(JSON.parse(readFileSync(join(root, "package.json"), "utf8")).engines.node)[0]);
  if (Number(process.versions.node.split(".")[0]) < least) {
    console.error(`Windhover needs Node ${least} or newer; this is ${process.version}.`);
    process.exit(1);
  }
  install();
}
