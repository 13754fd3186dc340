/** A program that has a flow, and whose own code leaves a rejection to nobody. */
import { flow } from "../../sdk/index.ts";

flow({ name: "beside" }, async () => 1);
if (process.argv[2] === "listen") process.on("unhandledRejection", () => console.log("heard"));
void Promise.reject(new Error("mine"));
