import { flow, task } from "windhover";

/** Says which code it is. */
export const which = task({ name: "which" }, async () => ({ release: 2, build: process.env["WINDHOVER_BUILD"] }));
export const f = flow({ name: "f" }, async () => which());
