/** Whom a user grants something to: flows and tasks run in several functions and containers, and all of them are meant. */
import {
  type AddToPrincipalPolicyResult,
  ArnPrincipal,
  CompositePrincipal,
  type IPrincipal,
  type PolicyStatement,
  type PrincipalPolicyFragment,
  type Role,
} from "aws-cdk-lib/aws-iam";
import { DependencyGroup } from "constructs";

export class UserCode implements IPrincipal {
  readonly assumeRoleAction = "sts:AssumeRole";
  readonly grantPrincipal: IPrincipal = this;
  readonly #roles: readonly Role[];

  constructor(roles: readonly Role[]) {
    this.#roles = roles;
  }

  /** Where a resource's own policy has to name who may use it. */
  get policyFragment(): PrincipalPolicyFragment {
    return new CompositePrincipal(...this.#roles.map(({ roleArn }) => new ArnPrincipal(roleArn))).policyFragment;
  }
  addToPolicy(statement: PolicyStatement): boolean {
    return this.addToPrincipalPolicy(statement).statementAdded;
  }
  addToPrincipalPolicy(statement: PolicyStatement): AddToPrincipalPolicyResult {
    const dependables = new DependencyGroup();
    for (const role of this.#roles) {
      const { policyDependable } = role.addToPrincipalPolicy(statement);
      if (policyDependable) dependables.add(policyDependable);
    }
    return { statementAdded: true, policyDependable: dependables };
  }
}
