/** Secrets: got by name only; a list shows names, never what they hide. */
import { expect } from "vitest";
import { contract, type Make, type Skips } from "./backend.ts";
import { AWKWARD_NAME, NOON } from "./samples.ts";

export function secretsContract(make: Make, skips: Skips = {}): void {
  contract("secrets", make, skips, (check) => {
    check("what is not there is null, and the list is empty", async ({ ports: { secrets } }) => {
      expect(await secrets.get("warehouse/main")).toBeNull();
      expect(await secrets.list()).toEqual([]);
    });

    check("a secret is got by its name, replaced, and deleted with null", async ({ ports: { secrets } }) => {
      await secrets.put("warehouse/main", "hunter2");
      expect(await secrets.get("warehouse/main")).toBe("hunter2");
      await secrets.put("warehouse/main", "hunter3");
      expect(await secrets.get("warehouse/main")).toBe("hunter3");
      await secrets.put("warehouse/main", null);
      await secrets.put("never was", null);
      expect(await secrets.get("warehouse/main")).toBeNull();
      expect(await secrets.list()).toEqual([]);
      await secrets.put("warehouse/main", "hunter4");
      expect(await secrets.get("warehouse/main")).toBe("hunter4");
    });

    check("a list has the names and nothing of what they hide", async ({ ports: { secrets } }) => {
      await secrets.put("warehouse/main", "hunter2");
      await secrets.put("warehouse/other", '{"password":"correct horse"}');
      const listed = await secrets.list();
      expect(listed.toSorted()).toEqual(["warehouse/main", "warehouse/other"]);
      expect(JSON.stringify(listed)).not.toMatch(/hunter2|correct horse|password/);
    });

    check("a secret is in no other list: not among values, rows or log lines", async ({ ports: { secrets, registry, index, logs } }) => {
      await secrets.put("warehouse/main", "hunter2");
      await registry.put("block", "warehouse/main", { value: '{"url":"u"}', updatedAt: NOON });
      const shown = [
        await registry.list("block"),
        await index.runs({}),
        await index.deployments(),
        await logs.read("r1"),
        await registry.get("block", "warehouse/main"),
      ];
      expect(JSON.stringify(shown)).not.toContain("hunter2");
    });

    check("an empty secret is not a missing one", async ({ ports: { secrets } }) => {
      await secrets.put("empty", "");
      expect(await secrets.get("empty")).toBe("");
    });

    check("awkward text comes back as it was", async ({ ports: { secrets } }) => {
      const value = `${AWKWARD_NAME}\n-----BEGIN KEY-----\n${"abc+/=\n".repeat(300)}`;
      await secrets.put("keys/żółć-1", value);
      expect(await secrets.get("keys/żółć-1")).toBe(value);
      expect(await secrets.list()).toEqual(["keys/żółć-1"]);
    });

    check("secrets are there after the process died, and deleted ones are not", async (subject) => {
      await subject.ports.secrets.put("kept", "hunter2");
      await subject.ports.secrets.put("gone", "hunter3");
      await subject.ports.secrets.put("gone", null);
      const next = await subject.reopen();
      expect(await next.ports.secrets.get("kept")).toBe("hunter2");
      expect(await next.ports.secrets.list()).toEqual(["kept"]);
    });
  });
}
