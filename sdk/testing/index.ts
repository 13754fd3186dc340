/** `windhover/testing`: virtual time, stubs, crashes. Nothing is stored outside memory. */
export { createTestHarness, type TestHarness } from "./harness.ts";
