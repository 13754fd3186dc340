/** Parameters and inputs are checked by any Standard Schema before anything runs. */
import type { FlowDefinition, SchemaLike } from "./definition.ts";
import { WindhoverError } from "./errors.ts";
import { saidBy } from "./thrown.ts";

interface Issue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[];
}
export type Checked = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: WindhoverError };

/** At once, unless the schema itself takes time. */
export function checkParameters(flow: FlowDefinition, value: unknown): Checked | Promise<Checked> {
  const given = value ?? {};
  if (flow.parameters)
    return check(
      flow.parameters,
      given,
      (got, issues) =>
        new WindhoverError("WH1101", { message: `The parameters of "${flow.name}" do not fit: ${issues}`, expected: "what the flow's schema says", got }),
    );
  const unknown = typeof given === "object" && !Array.isArray(given) ? Object.keys(given as object) : ["(not an object)"];
  if (unknown.length === 0) return { ok: true, value: {} };
  return {
    ok: false,
    error: new WindhoverError("WH2005", {
      message: `"${flow.name}" takes no parameters, but got ${unknown.join(", ")}.`,
      expected: "no parameters",
      got: unknown.join(", "),
    }),
  };
}

type Verdict = { readonly value?: unknown; readonly issues?: readonly Issue[] };

export function check(schema: SchemaLike, value: unknown, problem: (got: string, issues: string) => WindhoverError): Checked | Promise<Checked> {
  // A schema is the author's code, and may throw: it would throw again at every turn, and what was sent would never be dealt with.
  const threw = (error: unknown): Checked => checkedBy({ issues: [{ message: `the schema threw ${saidBy(error)}` }] }, value, problem);
  try {
    const result = schema["~standard"].validate(value) as Verdict | Promise<Verdict>;
    return result instanceof Promise ? result.then((verdict) => checkedBy(verdict, value, problem), threw) : checkedBy(result, value, problem);
  } catch (error) {
    return threw(error);
  }
}

function checkedBy(result: Verdict, value: unknown, problem: (got: string, issues: string) => WindhoverError): Checked {
  if (!result.issues) return { ok: true, value: result.value };
  const issues = result.issues.map((issue) => `${pathOf(issue)}${issue.message}`).join("; ");
  return { ok: false, error: problem(short(value), issues) };
}

function pathOf({ path = [] }: Issue): string {
  const keys = path.map((part) => (typeof part === "object" ? part.key : part));
  return keys.length === 0 ? "" : `${keys.map((key, i) => (typeof key === "number" ? `[${key}]` : `${i ? "." : ""}${String(key)}`)).join("")}: `;
}

/** Enough to recognise the value by, and no more: it may be large. */
function short(value: unknown): string {
  let text: string;
  try {
    text = JSON.stringify(value) ?? String(value);
  } catch {
    text = String(value);
  }
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
