import { Hono } from "hono";
import { expect, test } from "vitest";
import { listen } from "../../server/listen.ts";

test("it listens on this machine alone, and a port that is in use is an error that says so", async () => {
  const app = new Hono().get("/", (context) => context.text("here"));
  const first = await listen(app, { port: 0 });
  try {
    expect(first.url).toBe(`http://127.0.0.1:${first.port}`);
    expect(await (await fetch(first.url)).text()).toBe("here");
    await expect(listen(app, { port: first.port })).rejects.toMatchObject({ code: "WH3004" });
  } finally {
    await first.close();
  }
  await expect(fetch(first.url)).rejects.toThrow();
});
