/** Secrets lie in a file of their own, encrypted, and the key is its owner's alone. */
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { openEmbedded } from "../../adapters/embedded/backend.ts";
import { newDirectory } from "./place.ts";

afterEach(() => vi.unstubAllEnvs());

describe("secrets", () => {
  test("no file of the directory contains one, and only the owner may read key and file", async () => {
    const directory = newDirectory();
    const backend = await openEmbedded({ directory });
    await backend.ports.secrets.put("warehouse", "hunter2-hunter2");
    await backend.close();
    const names = readdirSync(directory).filter((name) => statSync(join(directory, name)).isFile());
    for (const name of names) expect(readFileSync(join(directory, name)).includes("hunter2"), name).toBe(false);
    for (const name of ["secrets.key", "secrets.enc"]) expect(statSync(join(directory, name)).mode & 0o777, name).toBe(0o600);
  });

  test("with WINDHOVER_SECRET_KEY the key is on no disk, and another one is refused with WH3001", async () => {
    const directory = newDirectory();
    vi.stubEnv("WINDHOVER_SECRET_KEY", "correct horse");
    const backend = await openEmbedded({ directory });
    await backend.ports.secrets.put("warehouse", "hunter2");
    expect(readdirSync(directory)).not.toContain("secrets.key");
    vi.stubEnv("WINDHOVER_SECRET_KEY", "battery staple");
    await expect(backend.ports.secrets.get("warehouse")).rejects.toMatchObject({ code: "WH3001" });
    vi.stubEnv("WINDHOVER_SECRET_KEY", "correct horse");
    expect(await backend.ports.secrets.get("warehouse")).toBe("hunter2");
    await backend.close();
  });

  test("a lost key or a damaged file is WH3001, and nothing is overwritten", async () => {
    const directory = newDirectory();
    const backend = await openEmbedded({ directory });
    await backend.ports.secrets.put("warehouse", "hunter2");
    const file = join(directory, "secrets.enc");
    const whole = readFileSync(file, "utf8");
    writeFileSync(file, whole.slice(0, whole.length / 2));
    await expect(backend.ports.secrets.put("other", "x")).rejects.toMatchObject({ code: "WH3001" });
    expect(readFileSync(file, "utf8")).toBe(whole.slice(0, whole.length / 2));
    writeFileSync(file, whole);
    rmSync(join(directory, "secrets.key"));
    await expect(backend.ports.secrets.put("other", "x")).rejects.toMatchObject({ code: "WH3001" });
    expect(readFileSync(file, "utf8")).toBe(whole);
    await backend.close();
  });

  test("processes that put at the same time lose nothing", async () => {
    const directory = newDirectory();
    const backends = await Promise.all([1, 2, 3].map(() => openEmbedded({ directory })));
    await Promise.all(backends.flatMap((backend, i) => [0, 1, 2].map((k) => backend.ports.secrets.put(`${i}-${k}`, "x"))));
    expect(await backends[0]?.ports.secrets.list()).toHaveLength(9);
    for (const backend of backends) await backend.close();
  });
});
