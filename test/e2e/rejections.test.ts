import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { bundled } from "../embedded/child-process.ts";

const program = bundled(join(import.meta.dirname, "rejection-process.ts"));

test("a rejection outside of flows ends the process, as without us", async () => {
  const { status, stderr } = spawnSync(process.execPath, [await program], { encoding: "utf8" });
  expect(status).toBe(1);
  expect(stderr).toContain("Error: mine");
});

test("a program that listens for its own rejections hears them, and goes on", async () => {
  const { status, stdout } = spawnSync(process.execPath, [await program, "listen"], { encoding: "utf8" });
  expect([status, stdout]).toEqual([0, "heard\n"]);
});
