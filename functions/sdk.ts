/**
 * What an author's code imports as `windhover` in a function. It has been loaded before it was deployed, and its schedules have been checked then: here they are taken as they are,
 * because the first time zone alone takes 15 ms.
 */
export * from "../sdk/index.ts";
export { atSchedule as at, cronSchedule as cron, intervalSchedule as interval, rruleSchedule as rrule } from "../sdk/schedule-spec.ts";
