/** Loaded when it is first needed, for pools of containers. Only what is named here is bundled. */
export { ECSClient, ListTasksCommand, RunTaskCommand } from "@aws-sdk/client-ecs";
