/** Loaded when it is first needed, for timers beyond fifteen minutes. Only what is named here is bundled. */
export { CreateScheduleCommand, DeleteScheduleCommand, SchedulerClient } from "@aws-sdk/client-scheduler";
