/** What the construct makes of a network, of tracing, source maps and metrics: each off costs nothing, each on is really on. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Match } from "aws-cdk-lib/assertions";
import { Port, SecurityGroup, SubnetType, Vpc } from "aws-cdk-lib/aws-ec2";
import { afterAll, describe, expect, test } from "vitest";
import { STACK_OUTPUT } from "../../adapters/aws/stack.ts";
import { bundleProgram } from "../../infra/bundle.ts";
import type { WindhoverProps } from "../../infra/windhover.ts";
import { Roles } from "./roles.ts";
import { construct, SMALL, stackOf, templateOf } from "./synth.ts";

interface Resource {
  readonly Type: string;
  readonly Properties: Readonly<Record<string, unknown>>;
}

const functionsOf = (props: Partial<WindhoverProps>): readonly Resource["Properties"][] =>
  Object.values(templateOf(construct({ entry: SMALL, pools: {}, ...props })).findResources("AWS::Lambda::Function")).map(
    ({ Properties }) => Properties as Resource["Properties"],
  );
const variablesOf = (properties: Resource["Properties"]): Readonly<Record<string, unknown>> =>
  (properties["Environment"] as { readonly Variables: Readonly<Record<string, unknown>> }).Variables;

const refusal = (message: RegExp) => expect.objectContaining({ code: "WH2035", message: expect.stringMatching(message) });

describe("a network of one's own", () => {
  const stack = stackOf();
  const vpc = new Vpc(stack, "Vpc", { natGateways: 0, subnetConfiguration: [{ name: "inner", subnetType: SubnetType.PRIVATE_ISOLATED }] });
  const database = new SecurityGroup(stack, "Database", { vpc });
  const { windhover } = construct({ vpc, api: true }, stack);
  database.connections.allowFrom(windhover, Port.tcp(5432));
  const template = templateOf({ stack });

  test("holds all functions, in its private subnets", () => {
    const functions = Object.values(template.findResources("AWS::Lambda::Function"));
    expect(functions.length).toBeGreaterThanOrEqual(6);
    for (const { Properties } of functions)
      expect(Properties).toMatchObject({
        VpcConfig: {
          SecurityGroupIds: [{ "Fn::GetAtt": [expect.stringMatching(/^FlowsNetwork/), "GroupId"] }],
          SubnetIds: vpc.isolatedSubnets.map((_, i) => ({ Ref: expect.stringMatching(new RegExp(`^VpcinnerSubnet${i + 1}`)) })),
        },
      });
  });

  test("holds the containers, which have no public address then, and is the only one", () => {
    template.resourceCountIs("AWS::EC2::VPC", 1);
    template.resourceCountIs("AWS::EC2::NatGateway", 0);
    template.resourceCountIs("AWS::EC2::VPCEndpoint", 0);
    const description = JSON.stringify(template.toJSON().Outputs[STACK_OUTPUT]);
    expect(description).toContain('\\"publicAddress\\":false');
    expect(description).toMatch(/VpcinnerSubnet1.*VpcinnerSubnet2.*FlowsNetwork/);
    expect(JSON.stringify(templateOf(construct()).toJSON().Outputs[STACK_OUTPUT])).not.toContain("publicAddress");
  });

  test("lets Lambda make network interfaces with a function's role, and not the function's code", () => {
    const roles = new Roles(template);
    const source = { "lambda:SourceFunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:Shop-executor" };
    return Promise.all([
      expect(roles.may("FlowsExecutorRole", "ec2:CreateNetworkInterface", "*")).resolves.toBe(true),
      expect(roles.may("FlowsExecutorRole", "ec2:CreateNetworkInterface", "*", source)).resolves.toBe(false),
    ]);
  });

  test("lets other resources be opened to flows and tasks", () =>
    template.hasResourceProperties("AWS::EC2::SecurityGroupIngress", {
      GroupId: { "Fn::GetAtt": [Match.stringLikeRegexp("^Database"), "GroupId"] },
      SourceSecurityGroupId: { "Fn::GetAtt": [Match.stringLikeRegexp("^FlowsNetwork"), "GroupId"] },
    }));

  test("can be given its security groups and subnets, and nothing is made then", () => {
    const other = stackOf();
    const given = new Vpc(other, "Vpc", { natGateways: 1 });
    const group = new SecurityGroup(other, "Group", { vpc: given });
    construct(
      {
        entry: SMALL,
        pools: {},
        vpc: given,
        vpcSubnets: { subnetType: SubnetType.PRIVATE_WITH_EGRESS, availabilityZones: given.availabilityZones.slice(0, 1) },
        securityGroups: [group],
      },
      other,
    );
    const made = templateOf({ stack: other });
    made.resourceCountIs("AWS::EC2::SecurityGroup", 1);
    made.allResourcesProperties("AWS::Lambda::Function", {
      VpcConfig: {
        SecurityGroupIds: [{ "Fn::GetAtt": [Match.stringLikeRegexp("^Group"), "GroupId"] }],
        SubnetIds: [{ Ref: Match.stringLikeRegexp("^VpcPrivateSubnet1") }],
      },
    });
  });

  test("in which functions reach nothing is refused", () => {
    const other = stackOf();
    const open = new Vpc(other, "Vpc", { natGateways: 0, subnetConfiguration: [{ name: "outer", subnetType: SubnetType.PUBLIC }] });
    const small = { entry: SMALL, pools: {} };
    expect(() => construct({ ...small, vpc: open }, other)).toThrow(refusal(/no private subnet/));
    const both = stackOf();
    const vpcSubnets = { subnetType: SubnetType.PUBLIC };
    expect(() => construct({ ...small, vpc: new Vpc(both, "Vpc"), vpcSubnets }, both)).toThrow(refusal(/`vpcSubnets` are public/));
    expect(() => construct({ ...small, vpcSubnets })).toThrow(refusal(/`vpcSubnets` says nothing without `vpc`/));
    expect(() => construct({ ...small, securityGroups: [] })).toThrow(refusal(/`securityGroups` says nothing without `vpc`/));
  });
});

test("what is not asked for is not there", () => {
  for (const properties of functionsOf({})) {
    for (const name of ["VpcConfig", "TracingConfig"]) expect(properties[name]).toBeUndefined();
    expect(variablesOf(properties)["NODE_OPTIONS"]).toBeUndefined();
    expect(JSON.stringify(variablesOf(properties))).not.toContain("metrics");
  }
  expect(readdirSync(bundleProgram("orchestrator", { entries: [SMALL] }).folder).filter((file) => file.endsWith(".map"))).toEqual([]);
});

test("tracing: each function records its invocations", () => {
  for (const properties of functionsOf({ tracing: true })) expect(properties["TracingConfig"]).toEqual({ Mode: "Active" });
});

test("metrics: each function knows that they are wanted", () => {
  for (const properties of functionsOf({ metrics: true })) expect(JSON.stringify(variablesOf(properties))).toContain('\\"metrics\\":true');
});

describe("source maps", () => {
  const folder = mkdtempSync(join(dirname(fileURLToPath(import.meta.url)), "fixtures", "mapped-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "package.json"), "{}");
  writeFileSync(
    join(folder, "broken.ts"),
    'interface Lost {\n  readonly on: "the way";\n}\n\nexport function fail(_: Lost): never {\n  throw new Error("told with its line");\n}\n',
  );
  const entry = join(folder, "index.ts");
  writeFileSync(
    entry,
    'import { flow } from "windhover";\nimport { fail } from "./broken.ts";\nexport const f = flow({ name: "f" }, async () => 1);\nif (process.env["BREAK"]) fail({ on: "the way" });\n',
  );

  test("are asked for by the functions' variables, beside the user's own options", () => {
    for (const properties of functionsOf({ sourceMaps: true })) expect(variablesOf(properties)["NODE_OPTIONS"]).toBe("--enable-source-maps");
    for (const properties of functionsOf({ sourceMaps: true, environment: { NODE_OPTIONS: "--no-warnings" } }))
      expect(variablesOf(properties)["NODE_OPTIONS"]).toBe("--no-warnings --enable-source-maps");
  });

  test.each(["executor", "container"] as const)("of the %s give an error the user's own file and line", (program) => {
    const { file } = bundleProgram(program, { entries: [entry], sourceMaps: true });
    const run = (...options: readonly string[]): string =>
      spawnSync(process.execPath, [...options, "--input-type=module", "-e", `await import(${JSON.stringify(file)})`], { encoding: "utf8", env: { BREAK: "1" } })
        .stderr;
    expect(run("--enable-source-maps")).toContain(`${dirname(file)}/broken.ts:6:`);
    expect(run("--enable-source-maps")).toContain(`${dirname(file)}/index.ts:4:`);
    expect(run()).not.toContain("broken.ts:6");
  });

  test("name files as their author knows them, and no folder of this machine", () => {
    const { folder: made } = bundleProgram("executor", { entries: [entry], sourceMaps: true });
    const sources = readdirSync(made)
      .filter((name) => name.endsWith(".map"))
      .flatMap((name) => (JSON.parse(readFileSync(join(made, name), "utf8")) as { readonly sources: readonly string[] }).sources);
    expect(sources).toEqual(expect.arrayContaining(["index.ts", "broken.ts", "windhover/engine/attempt.ts", "windhover/functions/executor.ts"]));
    expect(sources.filter((source) => source.startsWith(".") || source.startsWith("/"))).toEqual([]);
  });
});
