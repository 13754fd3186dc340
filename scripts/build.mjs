#!/usr/bin/env node
// Compiles the sources to dist/, and does nothing when they are what they were at the last build.
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, "dist");
const stamp = join(dist, ".build.json");
const include = JSON.parse(readFileSync(join(root, "tsconfig.build.json"), "utf8")).include;

function* files(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* files(path);
    else yield path;
  }
}

const sources = include
  .flatMap((folder) => (existsSync(join(root, folder)) ? [...files(join(root, folder))] : []))
  .filter((file) => /(?<!\.test)\.[cm]?tsx?$/.test(file));
const settings = ["package-lock.json", "tsconfig.json", "tsconfig.build.json"].map((file) => join(root, file));

/** Size and time of every input: also a file that is gone makes a difference. */
function inputs() {
  return JSON.stringify(
    [...sources, ...settings].map((file) => {
      const { size, mtimeMs } = statSync(file);
      return [relative(root, file), size, mtimeMs];
    }),
  );
}

/** What tsc would leave behind of a source that was renamed or removed. */
function removeOrphans() {
  const stems = new Set(sources.map((file) => relative(root, file).replace(/\.tsx?$/, "")));
  for (const file of [...files(dist)]) {
    const stem = relative(dist, file).replace(/(\.d\.ts|\.js|\.js\.map)$/, "");
    if (/(\.d\.ts|\.js|\.js\.map)$/.test(file) && !stems.has(stem)) rmSync(file);
  }
}

const before = inputs();
if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== before) {
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const done = spawnSync(process.execPath, [tsc, "-p", join(root, "tsconfig.build.json"), "--pretty", String(Boolean(process.stdout.isTTY))], {
    cwd: root,
    stdio: "inherit",
  });
  if (done.status !== 0) {
    console.error("The build failed: see above.");
    process.exit(done.status || 1);
  }
  mkdirSync(dist, { recursive: true });
  removeOrphans();
  const command = join(dist, "cli", "main.js");
  if (existsSync(command)) chmodSync(command, 0o755);
  writeFileSync(stamp, before);
}
