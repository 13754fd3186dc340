/** Loaded when it is first needed, for log lines of clients; functions print theirs. Only what is named here is bundled. */
export { CloudWatchLogsClient, CreateLogStreamCommand, FilterLogEventsCommand, PutLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
