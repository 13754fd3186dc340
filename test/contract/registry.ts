/** Registry: small values under a kind and a key, some of them for a time only. */
import { expect } from "vitest";
import { contract, type Make, type Skips } from "./backend.ts";
import { AWKWARD, AWKWARD_NAME, LOOKALIKES, NOON } from "./samples.ts";

export function registryContract(make: Make, skips: Skips = {}): void {
  contract("registry", make, skips, (check) => {
    check("what is not there is null, and an unknown kind is an empty list", async ({ ports: { registry } }) => {
      expect(await registry.get("variable", "nothing")).toBeNull();
      expect(await registry.list("variable")).toEqual([]);
    });

    check("a value comes back as it was put, and is replaced by the next", async ({ ports: { registry } }) => {
      await registry.put("variable", "region", { value: '"eu"', updatedAt: NOON });
      expect(await registry.get("variable", "region")).toEqual({ value: '"eu"', updatedAt: NOON });
      await registry.put("variable", "region", { value: { ref: "abc", chars: 5000 }, updatedAt: NOON + 1 });
      expect(await registry.get("variable", "region")).toEqual({ value: { ref: "abc", chars: 5000 }, updatedAt: NOON + 1 });
    });

    check("null deletes, and deleting what is not there is no error", async ({ ports: { registry } }) => {
      await registry.put("variable", "a", { value: "1", updatedAt: NOON });
      await registry.put("variable", "a", null);
      await registry.put("variable", "never was", null);
      expect(await registry.get("variable", "a")).toBeNull();
      expect(await registry.list("variable")).toEqual([]);
      await registry.put("variable", "a", { value: "2", updatedAt: NOON });
      expect((await registry.get("variable", "a"))?.value).toBe("2");
    });

    check("kinds are apart", async ({ ports: { registry } }) => {
      for (const kind of ["variable", "limit", "cache", "block"]) await registry.put(kind, "same", { value: kind, updatedAt: NOON });
      await registry.put("limit", "same", null);
      for (const kind of ["variable", "cache", "block"]) expect(await registry.list(kind)).toEqual([{ key: "same", value: { value: kind, updatedAt: NOON } }]);
      expect(await registry.list("limit")).toEqual([]);
    });

    check("keys that look alike are different keys, and every key is listed as it was put", async ({ ports: { registry } }) => {
      const keys = [...LOOKALIKES, AWKWARD_NAME, "long".repeat(200)];
      for (const key of keys) await registry.put("cache", key, { value: `of ${key}`, updatedAt: NOON });
      for (const key of keys) expect((await registry.get("cache", key))?.value).toBe(`of ${key}`);
      const listed = await registry.list("cache");
      expect(listed.map((each) => each.key).toSorted()).toEqual(keys.toSorted());
      for (const each of listed) expect(each.value.value).toBe(`of ${each.key}`);
      await registry.put("cache", LOOKALIKES[0], null);
      expect(await registry.list("cache")).toHaveLength(keys.length - 1);
    });

    check("awkward values come back as they were", async ({ ports: { registry } }) => {
      await registry.put("block", "b", { value: AWKWARD.repeat(20), updatedAt: NOON });
      expect((await registry.get("block", "b"))?.value).toBe(AWKWARD.repeat(20));
    });

    check("a value is there until it expires, then neither got nor listed", async (subject) => {
      const { registry, clock } = subject.ports;
      const expiresAt = clock.now() + 3_000;
      await registry.put("cache", "short", { value: "1", updatedAt: NOON, expiresAt });
      await registry.put("cache", "ever", { value: "2", updatedAt: NOON });
      expect(await registry.get("cache", "short")).toEqual({ value: "1", updatedAt: NOON, expiresAt });
      expect((await registry.list("cache")).map((each) => each.key).toSorted()).toEqual(["ever", "short"]);
      await subject.advance(1_000);
      expect(await registry.get("cache", "short")).not.toBeNull();
      await subject.advance(2_500);
      expect(await registry.get("cache", "short")).toBeNull();
      expect((await registry.list("cache")).map((each) => each.key)).toEqual(["ever"]);
    });

    check("an expiry in the past is as good as absent, and replaces what was there", async ({ ports: { registry, clock } }) => {
      await registry.put("cache", "a", { value: "1", updatedAt: NOON });
      await registry.put("cache", "a", { value: "2", updatedAt: NOON, expiresAt: clock.now() - 1 });
      expect(await registry.get("cache", "a")).toBeNull();
      expect(await registry.list("cache")).toEqual([]);
      await registry.put("cache", "a", { value: "3", updatedAt: NOON });
      expect((await registry.get("cache", "a"))?.value).toBe("3");
    });

    check("a new value without an expiry stays, though the old one had one", async (subject) => {
      const { registry, clock } = subject.ports;
      await registry.put("cache", "a", { value: "1", updatedAt: NOON, expiresAt: clock.now() + 1_000 });
      await registry.put("cache", "a", { value: "2", updatedAt: NOON });
      await subject.advance(2_000);
      expect((await registry.get("cache", "a"))?.value).toBe("2");
    });

    check("a long list is complete", async ({ ports: { registry } }) => {
      const keys = Array.from({ length: 300 }, (_, i) => `k-${i}`);
      await Promise.all(keys.map((key) => registry.put("variable", key, { value: key, updatedAt: NOON })));
      expect((await registry.list("variable")).map((each) => each.key).toSorted()).toEqual(keys.toSorted());
    });

    check("values are there after the process died, and deleted ones are not", async (subject) => {
      await subject.ports.registry.put("variable", "kept", { value: "1", updatedAt: NOON });
      await subject.ports.registry.put("variable", "gone", { value: "2", updatedAt: NOON });
      await subject.ports.registry.put("variable", "gone", null);
      const next = await subject.reopen();
      expect(await next.ports.registry.list("variable")).toEqual([{ key: "kept", value: { value: "1", updatedAt: NOON } }]);
    });
  });
}
