import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Snippet, snippets, snippetsOf } from "./tidy/snippets.ts";
import { files, root, text } from "./tidy/tree.ts";

const node = (args: readonly string[], cwd = root) =>
  spawnSync(process.execPath, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], maxBuffer: 1 << 28 });
const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
const hasPackage = existsSync(join(root, "sdk", "index.ts"));

test("a fence's words are read, and unknown ones refused", () => {
  const [first, second, third] = snippetsOf("page.md", "```ts\na\n```\n```ts continued run\nb\n```\n```sh\nc\n```\n```ts throws WH1001\nd\n```\n");
  expect(first).toMatchObject({ line: 1, code: "a\n", run: false });
  expect(second).toMatchObject({ line: 4, code: "a\n\nb\n", run: true });
  expect(third).toMatchObject({ code: "d\n", run: true, throws: "WH1001" });
  expect(() => snippetsOf("page.md", "```ts nocheck\na\n```\n")).toThrow("nocheck");
});

test("a page said `cdk bootstrap` without where, which the CDK refuses in a project that has no app", () => {
  const said = files.filter((file) => file.endsWith(".md")).flatMap((file) => text(file).match(/^npx cdk bootstrap.*$/gm) ?? []);
  expect(said.length).toBeGreaterThan(0);
  for (const line of said) expect(line).toMatch(/^npx cdk bootstrap aws:\/\//);
});

test("links between pages lead somewhere", () => {
  const broken = files
    .filter((file) => file.endsWith(".md"))
    .flatMap((file) => {
      const links = [
        ...text(file)
          .replace(/^```[\s\S]*?^```/gm, "")
          .matchAll(/\]\((?!https?:|mailto:|#)([^)#\s]+)/g),
      ].map((match) => match[1] as string);
      return links.filter((link) => !existsSync(join(root, link.startsWith("/") ? "." : join(file, ".."), link))).map((link) => `${file}: ${link}`);
    });
  expect(broken).toEqual([]);
});

// A user's project in a temporary folder: the package is found by its name, with its `exports`, and its dependencies beside it. Needs the package's entry.
describe.runIf(hasPackage && snippets.length > 0)("TypeScript in the docs", () => {
  const folder = mkdtempSync(join(tmpdir(), "windhover-docs-"));
  const fileOf = (snippet: Snippet) =>
    join(folder, "project", `${snippets.indexOf(snippet)}-${snippet.file.replaceAll("/", "-").replace(/\.md$/, "")}-${snippet.line}`);

  beforeAll(() => {
    const built = node([join(root, "scripts", "build.mjs")]);
    expect(built.status, built.stdout + built.stderr).toBe(0);
    mkdirSync(join(folder, "project", "node_modules"), { recursive: true });
    symlinkSync(root, join(folder, "project", "node_modules", "windhover"), "junction");
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"), "junction");
    const compilerOptions = {
      target: "ES2023",
      lib: ["ES2023", "ESNext.Disposable"],
      module: "NodeNext",
      strict: true,
      types: ["node"],
      skipLibCheck: true,
      sourceMap: true,
    };
    writeFileSync(join(folder, "project", "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.ts"] }));
    writeFileSync(join(folder, "project", "package.json"), JSON.stringify({ type: "module", private: true }));
    for (const snippet of snippets) writeFileSync(`${fileOf(snippet)}.ts`, `${snippet.code}\nexport {};\n`);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test(`${snippets.length} pieces compile`, () => {
    const { status, stdout } = node([tsc, "-p", "tsconfig.json", "--pretty", "false"], join(folder, "project"));
    expect(stdout.trim().split("\n").filter(Boolean)).toEqual([]);
    expect(status).toBe(0);
  });

  const runs = snippets.filter((snippet) => snippet.run);
  test.each(runs.map((snippet) => [`${snippet.file}:${snippet.line}`, snippet] as const))("%s runs", (_, snippet) => {
    const own = `${fileOf(snippet)}.run`;
    mkdirSync(own, { recursive: true });
    const { status, stdout, stderr } = node(["--enable-source-maps", `${fileOf(snippet)}.js`], own);
    if (snippet.throws) expect(stdout + stderr).toContain(snippet.throws);
    expect(status, stdout + stderr).toBe(snippet.throws ? 1 : 0);
  });
});

describe.runIf(hasPackage)("the public types", () => {
  test("have no `any`, except as the bound of a type parameter", async () => {
    const { parseSync } = await import("oxc-parser");
    const { readdirSync, readFileSync } = await import("node:fs");
    const built = node([join(root, "scripts", "build.mjs")]);
    expect(built.status, built.stdout + built.stderr).toBe(0);
    const found: string[] = [];
    const declarations = readdirSync(join(root, "dist"), { recursive: true, encoding: "utf8" }).filter(
      (file) => file.endsWith(".d.ts") && /^(sdk|engine|adapters|server)\b/.test(file),
    );
    for (const file of declarations) {
      const source = readFileSync(join(root, "dist", file), "utf8");
      const look = (value: unknown, bound: boolean): void => {
        if (Array.isArray(value)) for (const item of value) look(item, bound);
        else if (typeof value === "object" && value !== null) {
          const { type, start } = value as { readonly type?: string; readonly start?: number };
          if (type === "TSAnyKeyword" && !bound)
            found.push(`${file}: ${source.slice(0, start).split("\n").length}: ${source.slice(Math.max(0, (start ?? 0) - 60), (start ?? 0) + 20).trim()}`);
          for (const [key, child] of Object.entries(value))
            look(child, bound || (type === "TSTypeParameter" && key === "constraint") || (type === "TSConditionalType" && key === "extendsType"));
        }
      };
      look(parseSync(file, source).program, false);
    }
    expect(found).toEqual([]);
  });
});
