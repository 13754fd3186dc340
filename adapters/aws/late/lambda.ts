/** Loaded when it is first needed, for older builds of a function. Only what is named here is bundled. */
export { InvokeCommand, LambdaClient, ListVersionsByFunctionCommand } from "@aws-sdk/client-lambda";
