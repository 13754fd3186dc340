/** The flows of the end-to-end tests, deployed beside the examples. */
export * from "./operated.ts";
export * from "./triggered.ts";
