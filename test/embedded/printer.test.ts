import { expect, test } from "vitest";
import { flow, log, task } from "windhover";
import { Printer } from "../../adapters/embedded/printer.ts";
import type { Entry } from "../../engine/events.ts";
import type { LogLine } from "../../engine/ports.ts";
import { served } from "../server/served.ts";

const one = task({ name: "printer-one" }, async () => 1);
const chatty = flow({ name: "printer-chatty" }, async () => {
  log.info("before");
  await one();
  log.info("after");
});

/** A run's entries and lines in the order in which a process tells of them. */
async function told(): Promise<readonly (Entry | LogLine)[]> {
  const heard: (Entry | LogLine)[] = [];
  const s = await served([], { onEntry: (entry: Entry) => void heard.push(entry), onLog: (line: LogLine) => void heard.push(line) });
  await s.client.run(chatty, {});
  await s.settled();
  await s.close();
  return heard;
}
function printed(): { readonly printer: Printer; lines(): readonly string[] } {
  let text = "";
  const printer = new Printer({
    write: (more) => {
      text += more;
    },
    colour: false,
    level: "info",
  });
  return { printer, lines: () => text.split("\n").flatMap((line) => / - (before|after)$/.exec(line)?.[1] ?? []) };
}

test("lines of a turn that failed were printed again with its repeat", async () => {
  const { printer, lines } = printed();
  for (const one of await told()) {
    if ("actor" in one) printer.entry(one);
    else for (let attempt = 0; attempt < 2; attempt++) printer.log({ ...one });
  }
  expect(lines()).toEqual(["before", "after"]);
});

test("lines of a flow that came after its end were held for ever", async () => {
  const { printer, lines } = printed();
  const all = await told();
  for (const one of all) if ("actor" in one) printer.entry(one);
  for (const one of all) if (!("actor" in one)) printer.log(one);
  expect(lines()).toEqual([]);
  printer.release();
  printer.release();
  expect(lines()).toEqual(["before", "after"]);
});
