import { artifact, flow, runInput, task, waitForInput } from "windhover";
import * as z from "zod";

/** What a person is asked. The schema checks the answer where it comes in; an answer that does not fit is refused, and the run goes on waiting. */
export const Approval = runInput({ name: "approval", schema: z.object({ approved: z.boolean(), note: z.string().default("") }) });

const draft = task({ name: "draft" }, async (topic: string) => `Everything about ${topic}`);
const publish = task({ name: "publish", crashRetries: 0 }, async (text: string, note: string) => (note === "" ? text : `${text} (${note})`));

/** While it waits, nothing runs and nothing is paid for; the process may be stopped and started, or crash, meanwhile. */
export const newsletter = flow({ name: "newsletter", parameters: z.object({ topic: z.string() }) }, async ({ topic }) => {
  const text = await draft(topic);
  await artifact.markdown("draft", text);
  const answer = await waitForInput(Approval, { timeout: "3 days" });
  if (!answer) return "nobody answered";
  return answer.approved ? publish(text, answer.note) : "rejected";
});
