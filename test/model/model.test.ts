import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

/** Runs the check as its README says and gives its output. */
async function check(...args: readonly string[]): Promise<{ readonly status: number; readonly text: string }> {
  const child = spawn(process.execPath, [fileURLToPath(new URL("check.mjs", import.meta.url)), ...args], { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (part: string) => {
    text += part;
  });
  const [status] = (await once(child, "close")) as [number];
  return { status, text };
}

test("the protocol holds in every state of 30 worlds, and each of 29 deliberate mistakes is found", { timeout: 15 * 60_000 }, async () => {
  const { status, text } = await check();
  const last = text.trimEnd().split("\n").at(-1) ?? "";
  console.log(last);
  expect(text.match(/^WRONG.*$/gm) ?? []).toEqual([]);
  expect(text.match(/^ok {4}(?!mistake)/gm)).toHaveLength(30);
  expect(text.match(/^ok {4}mistake found/gm)).toHaveLength(29);
  expect(last).toMatch(/^59 of 59 as they should be; the protocol: 1,105,631 states, [\d,]+ transitions; \d+ s$/);
  expect(status).toBe(0);
});

test("a world or mistake that does not exist is refused, not passed over", async () => {
  expect((await check("no such world")).status).toBe(2);
});
