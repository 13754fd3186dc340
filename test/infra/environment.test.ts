/** What Lambda counts against its 4 KB for a function's variables, and what we count. */
import type { Template } from "aws-cdk-lib/assertions";
import { expect, test } from "vitest";
import { STACK_VARIABLE } from "../../adapters/aws/stack.ts";
import { construct, SMALL, templateOf } from "./synth.ts";

const poolsOf = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`pool-${i}`, {}]));
const made = (count: number, TEXT = "") => construct({ entry: SMALL, pools: poolsOf(count), environment: { TEXT } });

/** As in an account: names that CloudFormation makes of the stack's, the resource's, and chance. */
function deployed(template: Template, id: string): string {
  const { Type } = template.toJSON().Resources[id] as { readonly Type: string };
  const name = `Shop-${id}-AbCdEf012345${id.includes("Mailbox") ? ".fifo" : ""}`;
  return Type === "AWS::SQS::Queue" ? name.slice(0, 80) : name;
}
function filled(template: Template, value: unknown): string {
  if (typeof value === "string") return value;
  const { Ref, "Fn::GetAtt": attribute, "Fn::Join": join } = value as { Ref?: string; "Fn::GetAtt"?: string[]; "Fn::Join"?: [string, unknown[]] };
  if (join) return join[1].map((part) => filled(template, part)).join("");
  const id = Ref ?? attribute?.[0] ?? "";
  if (!(id in template.toJSON().Resources)) return "0a1b2c3d";
  const name = deployed(template, id);
  const { Type } = template.toJSON().Resources[id] as { readonly Type: string };
  if (Type === "AWS::SQS::Queue") return attribute ? `arn:aws:sqs:us-east-1:000000000000:${name}` : `https://sqs.us-east-1.amazonaws.com/000000000000/${name}`;
  if (Type === "AWS::IAM::Role") return `arn:aws:iam::000000000000:role/${name.slice(0, 64)}`;
  return name;
}
function bytesOf(template: Template): number {
  const [fn] = Object.values(template.findResources("AWS::Lambda::Function"));
  const variables = fn?.["Properties"].Environment.Variables as Record<string, unknown>;
  expect(variables).toHaveProperty(STACK_VARIABLE);
  return JSON.stringify(Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, filled(template, value)]))).length;
}

test("what is refused would be refused by Lambda, or nearly so; what is not is taken", () => {
  const room = 4096 - bytesOf(templateOf(made(3)));
  expect(room).toBeGreaterThan(500);
  // What we do not know of names is on the safe side, by a little.
  expect(() => made(3, "x".repeat(room - 200))).not.toThrow();
  expect(() => made(3, "x".repeat(room + 1))).toThrow(/no room/);
  // Lambda counts what escapes a quote as well.
  expect(() => made(3, '"'.repeat(room / 2 + 1))).toThrow(/no room/);
});

test("there is room for four pools beside the default one", () => {
  expect(() => made(4)).not.toThrow();
  const refusal = { code: "WH2035", expected: expect.stringContaining("fewer pools"), got: expect.stringMatching(/^about \d+ bytes$/) };
  expect(() => made(7)).toThrow(expect.objectContaining(refusal));
});
