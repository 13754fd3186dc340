import { describe, expect, test } from "vitest";
import { ERRORS } from "../engine/errors.ts";
import { ratchet } from "./tidy/ratchet.ts";
import { files, product, text } from "./tidy/tree.ts";

const codes = Object.keys(ERRORS) as (keyof typeof ERRORS)[];
const pages = files.filter((file) => /^docs\/errors\/WH\d+\.md$/.test(file));
const page = (code: string) => `docs/errors/${code}.md`;
/** What every page has, in this order. */
const SECTIONS = ["What it means", "Example", "What to do"];

describe("the table of errors", () => {
  test("every code has a page", () => {
    expect(codes.map(page).filter((file) => !pages.includes(file))).toEqual([]);
  });

  test("every page has a code", () => {
    expect(pages.filter((file) => !codes.map(page).includes(file))).toEqual([]);
  });

  test("no code has two rows: the later one takes the next free number", () => {
    const rows = [...text("engine/errors.ts").matchAll(/^ {2}(WH\d+): /gm)].map((match) => match[1] as string);
    expect(rows.filter((code, i) => rows.indexOf(code) !== i)).toEqual([]);
    expect(rows.sort()).toEqual([...codes].sort());
  });

  test("a code's number says who has to act", () => {
    const digit = { author: "1", operator: "234", us: "9" };
    expect(codes.filter((code) => !digit[ERRORS[code].who].includes(code[2] as string))).toEqual([]);
  });

  test("every code is used somewhere", () => {
    const used =
      product
        .filter((file) => file !== "engine/errors.ts")
        .map(text)
        .join("\n") + text("engine/errors.ts").replace(/^ {2}WH\d+: .*$/gm, "");
    ratchet("unused-errors", Object.fromEntries(codes.filter((code) => !used.includes(`"${code}"`)).map((code) => [code, 1])));
  });
});

describe.each(pages)("%s", (file) => {
  const code = file.slice(-9, -3) as keyof typeof ERRORS;
  const source = text(file);

  test("begins with its code and the table's title", () => {
    expect(source.split("\n")[0]).toBe(`# ${code}: ${ERRORS[code]?.title}`);
  });

  test(`has the sections ${SECTIONS.join(", ")}`, () => {
    expect([...source.matchAll(/^## (.*)$/gm)].map((match) => match[1])).toEqual(SECTIONS);
    for (const body of source.split(/^## .*$/m).slice(1)) expect(body.trim().length, "a section is not empty").toBeGreaterThan(20);
  });
});
