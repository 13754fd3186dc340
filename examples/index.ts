/**
 * All examples in one entry, as `npx cdk deploy` takes them to AWS. The quickstart is not among them: it loads its tables into a database file, and on AWS each of its tasks may run
 * on another machine.
 */
export * from "./01-customers/flow.ts";
export * from "./02-etl/flow.ts";
export * from "./03-branches/flow.ts";
export * from "./04-subflows/flow.ts";
export * from "./05-wait-for/flow.ts";
export * from "./06-cache/flow.ts";
export * from "./07-tag-limits/flow.ts";
export * from "./08-daily-training/flow.ts";
export * from "./09-parameters/flow.ts";
export * from "./10-crash/flow.ts";
export * from "./11-approval/flow.ts";
export * from "./12-saga/flow.ts";
