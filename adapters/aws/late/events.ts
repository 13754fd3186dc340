/** Loaded when it is first needed, for what flows emit. Only what is named here is bundled. */
export { EventBridgeClient, PutEventsCommand } from "@aws-sdk/client-eventbridge";
