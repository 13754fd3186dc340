/**
 * The package keeps the contract of `windhover.d.ts`: every name is exported, and each value can stand where the contract's is expected. Compiled by the type
 * check, never run; `contract.test.ts` sees that no name is left out of the lists.
 */
import type * as Contract from "./windhover.d.ts";

declare const main: typeof import("windhover");
declare const testing: typeof import("windhover/testing");

// Users catch a WindhoverError and never make one: its instances are the contract, its constructor is ours.
export const mainContract: Omit<typeof Contract, "createTestHarness" | "WindhoverError"> = main;
export const errorContract: Contract.WindhoverError = main.WindhoverError.prototype;
export const testingContract: Pick<typeof Contract, "createTestHarness"> = testing;

export type {
  BlockType,
  BusEvent,
  CallOptions,
  Client,
  Deployment,
  DeploymentOptions,
  Duration,
  Flow,
  FlowOptions,
  Future,
  FutureList,
  Hook,
  HookContext,
  PoolOptions,
  RetryDelay,
  Run,
  RunInput,
  RunSummary,
  S3ObjectEvent,
  Schedule,
  Schema,
  State,
  Task,
  TaskOptions,
  Trigger,
  Unmapped,
  WaitReason,
  WebhookEvent,
} from "windhover";
export type { TestHarness } from "windhover/testing";
