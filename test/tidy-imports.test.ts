import { describe, expect, test } from "vitest";
import { ratchet } from "./tidy/ratchet.ts";
import { type Import, imports, packageOf, product, sources } from "./tidy/tree.ts";

/** Who may know whom. A folder of ours that is not named here may not be imported. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  engine: [],
  sdk: ["engine"],
  "adapters/aws": ["engine"],
  "adapters/embedded": ["engine"],
  "adapters/memory": ["engine"],
  "adapters/process": ["engine"],
  server: ["engine", "sdk"],
  functions: ["engine", "sdk", "server", "adapters/aws"],
  infra: ["engine", "sdk", "adapters/aws", "functions"],
  cli: ["engine", "sdk", "server", "adapters/aws", "adapters/embedded", "adapters/memory", "adapters/process", "infra"],
};

/** Files that wire: they put a backend, a worker and a client together for those who may not. */
const WIRING: Readonly<Record<string, readonly string[]>> = {
  "adapters/embedded/open.ts": ["sdk", "adapters/process"],
  "adapters/aws/open.ts": ["sdk"],
};

/** Packages that do I/O have no business in the engine: these do none. */
const ENGINE_PACKAGES: Readonly<Record<string, string>> = {
  "node:async_hooks": "AsyncLocalStorage tells which run a call in a flow's body belongs to",
  "node:crypto": "hashes only: ids are derived, never drawn",
  "node:fs/promises": "refused in flows' bodies, never called",
  "node:timers": "patched in flows' bodies, never called",
  "node:timers/promises": "likewise",
  "node:module": "`syncBuiltinESMExports` makes the patched randomUUID seen by those who imported it; `createRequire` gives `inspect`",
  "node:util": "`inspect`, which a log line shows what cannot be encoded with",
  "node:util/types": "tells a Date or Map of another realm from a look-alike",
  croner: "reads cron expressions; it computes times, and is never asked to wait for one",
  rrule: "reads recurrence rules",
  "@standard-schema/spec": "types only",
};

/** The rooms that may know AWS. */
const AWS_ROOMS = ["adapters/aws", "infra", "functions"];
const isAws = (name: string) =>
  name.startsWith("@aws-sdk/") || name.startsWith("@smithy/") || name.startsWith("@aws-cdk/") || name === "aws-cdk-lib" || name === "constructs";

/** The only doors from the SDK to an adapter: a lazy `import()`, so that an author who only declares flows loads no database. */
const SDK_DOORS: Readonly<Record<string, string>> = {
  "sdk/client.ts": "`connect()` opens the backend that it is asked for",
  "sdk/script.ts": "a flow that is called from an ordinary script runs on the embedded backend",
};

const roomOf = (file: string): string => {
  const [first = "", second = ""] = file.split("/");
  return first === "adapters" ? `${first}/${second}` : first;
};
const breaks: { readonly file: string; readonly edge: Import; readonly why: string }[] = [];
for (const file of product) {
  const room = roomOf(file);
  for (const edge of imports(file)) {
    const refuse = (why: string) => breaks.push({ file, edge, why });
    if (edge.file === null) {
      const name = packageOf(edge.from);
      if (isAws(name) && !AWS_ROOMS.includes(room)) refuse("AWS packages belong in adapters/aws, infra and functions");
      if (room === "engine" && !(name in ENGINE_PACKAGES)) refuse("the engine does no I/O: see ENGINE_PACKAGES");
      if (name === "windhover") refuse("inside the package, import the file");
    } else {
      const target = roomOf(edge.file);
      const lazy = room === "sdk" && target.startsWith("adapters/") && edge.kind !== "static" && file in SDK_DOORS;
      // `windhover/testing` is a door of its own: it is the backend in memory.
      const testing = file.startsWith("sdk/testing/") && ["adapters/memory", "adapters/process"].includes(target);
      const door = lazy || testing || WIRING[file]?.includes(target);
      if (target !== room && !door && !MAY_IMPORT[room]?.includes(target)) refuse(`${room} may import ${MAY_IMPORT[room]?.join(", ") || "nothing of ours"}`);
      if (!/\.(ts|tsx|json)$/.test(edge.file)) refuse("write the file's extension");
    }
  }
}
const say = (list: typeof breaks) => list.map(({ file, edge, why }) => `${file} imports ${edge.from} (${edge.kind}): ${why}`);

describe("the import law", () => {
  test("every folder knows only whom it may know", () => {
    expect(say(breaks)).toEqual([]);
  });

  test("examples import the package by its name, as its users do", () => {
    const inside = sources
      .filter((file) => file.startsWith("examples/"))
      .flatMap((file) =>
        imports(file)
          .filter((edge) => edge.file !== null && !edge.file.startsWith("examples/"))
          .map((edge) => `${file} imports ${edge.from}`),
      );
    expect(inside).toEqual([]);
  });

  test("the SDK's entry loads neither an adapter nor an AWS package", () => {
    const loaded = new Set<string>();
    const queue = product.includes("sdk/index.ts") ? ["sdk/index.ts"] : [];
    for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
      if (loaded.has(file)) continue;
      loaded.add(file);
      for (const edge of product.includes(file) ? imports(file) : [])
        if (edge.kind === "static") edge.file === null ? loaded.add(packageOf(edge.from)) : queue.push(edge.file);
    }
    expect(
      [...loaded].filter((name) => name.startsWith("adapters/") || isAws(name) || ["libsql", "esbuild", "hono", "commander", "chokidar"].includes(name)),
    ).toEqual([]);
  });
});

test("files import each other in circles at run time no more than they did", () => {
  const next = (file: string) =>
    imports(file)
      .flatMap((edge) => (edge.kind === "static" && edge.file !== null ? [edge.file] : []))
      .filter((target) => product.includes(target));
  const reachesItself = (start: string): boolean => {
    const seen = new Set<string>();
    const queue = next(start);
    for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
      if (file === start) return true;
      if (!seen.has(file)) queue.push(...next(file));
      seen.add(file);
    }
    return false;
  };
  ratchet("import-circles", Object.fromEntries(product.filter(reachesItself).map((file) => [file, 1])));
});
