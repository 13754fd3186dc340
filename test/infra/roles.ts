/** The permissions of a template's roles, with made-up names in the place of references, to be asked about. */
import { runSimulation, type Simulation } from "@cloud-copilot/iam-simulate";
import type { Template } from "aws-cdk-lib/assertions";

const ACCOUNT = "000000000000";
const REGION = "us-east-1";

type Json = Readonly<Record<string, unknown>>;
interface Resource {
  readonly Type: string;
  readonly Properties: Json;
}

/** What a reference to a resource comes to: its ARN, or its name. */
export function arnOf(type: string, id: string): string {
  const arn = (service: string, rest: string) => `arn:aws:${service}:${REGION}:${ACCOUNT}:${rest}`;
  const arns: Readonly<Record<string, string>> = {
    "AWS::DynamoDB::Table": arn("dynamodb", `table/${id}`),
    "AWS::SQS::Queue": arn("sqs", id),
    "AWS::S3::Bucket": `arn:aws:s3:::${id.toLowerCase()}`,
    "AWS::IAM::Role": `arn:aws:iam::${ACCOUNT}:role/${id}`,
    "AWS::Logs::LogGroup": arn("logs", `log-group:${id}:*`),
    "AWS::ECS::Cluster": arn("ecs", `cluster/${id}`),
    "AWS::KMS::Key": arn("kms", `key/${id}`),
  };
  return arns[type] ?? id;
}

export class Roles {
  readonly #resources: Readonly<Record<string, Resource>>;

  constructor(template: Template) {
    this.#resources = template.toJSON().Resources as Record<string, Resource>;
  }

  /** The logical id of the one resource whose id begins so. */
  id(beginning: string): string {
    const found = Object.keys(this.#resources).filter((id) => new RegExp(`^${beginning}[0-9A-F]{8}$`).test(id));
    if (found.length !== 1) throw new Error(`${beginning}: ${found.join(", ") || "no such resource"}`);
    return found[0] as string;
  }
  arn(beginning: string): string {
    const id = this.id(beginning);
    return arnOf((this.#resources[id] as Resource).Type, id);
  }

  /** May the role (or whoever has the policy) do it? */
  async may(who: string, action: string, resource: string, context: Readonly<Record<string, string | string[]>> = {}): Promise<boolean> {
    const policies = Object.entries(this.#resources).filter(([id, { Type, Properties }]) => {
      if (Type === "AWS::IAM::ManagedPolicy") return id === this.#idIfAny(who);
      return Type === "AWS::IAM::Policy" && JSON.stringify(Properties["Roles"]).includes(`"${this.#idIfAny(who)}"`);
    });
    if (policies.length === 0) throw new Error(`${who} has no policies`);
    const simulation: Simulation = {
      request: {
        principal: `arn:aws:sts::${ACCOUNT}:assumed-role/${who}/session`,
        action,
        resource: { resource, accountId: ACCOUNT },
        contextVariables: context,
      },
      identityPolicies: policies.map(([name, { Properties }]) => ({ name, policy: this.#resolved(Properties["PolicyDocument"]) })),
      // A key lets nobody in whom its own policy does not.
      ...(resource.includes(":key/") && { resourcePolicy: this.#resolved(this.#resources[resource.split("/").at(-1) as string]?.Properties["KeyPolicy"]) }),
      serviceControlPolicies: [],
      resourceControlPolicies: [],
    };
    const outcome = await runSimulation(simulation, {});
    if (outcome.resultType === "error") throw new Error(JSON.stringify(outcome.errors));
    return outcome.overallResult === "Allowed";
  }

  #idIfAny(beginning: string): string | undefined {
    return Object.keys(this.#resources).find((id) => new RegExp(`^${beginning}[0-9A-F]{8}$`).test(id));
  }

  #resolved(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((each) => this.#resolved(each));
    if (typeof value !== "object" || value === null) return value;
    const {
      Ref,
      "Fn::GetAtt": attribute,
      "Fn::Join": join,
    } = value as { readonly Ref?: string; readonly "Fn::GetAtt"?: readonly string[]; readonly "Fn::Join"?: readonly [string, readonly unknown[]] };
    if (Ref === "AWS::Partition") return "aws";
    if (Ref === "AWS::StackId") return `arn:aws:cloudformation:${REGION}:${ACCOUNT}:stack/Shop/1`;
    if (Ref !== undefined) return Ref;
    if (attribute) return arnOf(this.#resources[attribute[0] as string]?.Type ?? "", attribute[0] as string);
    if (join) return join[1].map((part) => this.#resolved(part)).join(join[0]);
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, this.#resolved(each)]));
  }
}
