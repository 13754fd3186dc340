/** What nobody catches ends the process, as Node does it: a run that was under way is kept, and the task in hand counts as crashed. It is only told in our words. */
import { WindhoverError } from "../engine/errors.ts";
import { EXIT, tellError } from "./failure.ts";
import { userFrames } from "./stack.ts";

export function tellUncaught(debug: boolean): void {
  process.on("uncaughtException", (thrown) => {
    tellError(asTold(thrown), debug);
    process.exit(EXIT.failed);
  });
}

function asTold(thrown: unknown): WindhoverError {
  if (thrown instanceof WindhoverError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const isAuthors = !(thrown instanceof Error) || userFrames(thrown.stack).length > 0;
  return new WindhoverError(isAuthors ? "WH1062" : "WH9001", { message: `Something failed that nobody waited for: ${message}`, cause: thrown });
}
