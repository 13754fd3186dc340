/** `windhover limits set | ls | rm` */
import { WindhoverError } from "../engine/errors.ts";
import { span } from "../engine/span.ts";
import type { Duration } from "../sdk/duration.ts";
import { usage } from "./failure.ts";
import type { SettingFlags } from "./settings.ts";
import { printTable } from "./table.ts";
import { out, print, tell } from "./terminal.ts";
import { printJson } from "./values.ts";
import { look, type Place } from "./workspace.ts";

export async function setLimit(name: string, text: string, flags: SettingFlags & { readonly per?: string }): Promise<void> {
  const limit = Number(text);
  if (!/^\d+$/.test(text)) throw usage(`A limit cannot be ${text}.`, { expected: "a whole number from 0 on", got: text });
  const set = async ({ client }: Place): Promise<void> => {
    await client.setLimit(name, flags.per === undefined ? limit : { limit, per: flags.per as Duration });
    print(
      `${out("✓", "green")} ${name}: ${flags.per === undefined ? `${limit} at once` : `${limit} per ${flags.per.replace(/^1 /, "")}`}.${Number(limit) === 0 ? " Nothing of it starts until it is raised." : ""}`,
    );
  };
  await look(flags, set, { makes: true });
}

export async function listLimits(flags: SettingFlags & { readonly json?: boolean }): Promise<void> {
  await look(flags, async ({ client }) => {
    const limits = await client.limits();
    if (flags.json) return printJson({ limits });
    if (limits.length === 0) return tell("No limits are set. Set one: windhover limits set NAME 5");
    printTable(
      [
        { title: "LIMIT" },
        { title: "ALLOWS" },
        { title: "HELD", right: true },
        { title: "WAITING", right: true },
        { title: "HELD BY", shrinks: true, below: true },
      ],
      limits.map(({ name, limit, perSeconds, holders, waiters }) => {
        const full = holders.length >= limit && waiters.length > 0;
        return [
          name,
          perSeconds === undefined ? `${limit} at once` : `${limit} per ${span(perSeconds * 1000).replace(/^1 /, "")}`,
          out(String(holders.length), full ? "yellow" : "dim"),
          String(waiters.length),
          out(holders.map(holderText).join(", "), "dim"),
        ];
      }),
    );
  });
}

/** A request is `RUN/CALL#ATTEMPT@LIMIT`. */
function holderText(request: string): string {
  const slash = request.indexOf("/");
  return `${request.slice(0, 8)} ${request.slice(slash + 1).replace(/#.*$/, "")}`;
}

export async function removeLimit(name: string, flags: SettingFlags): Promise<void> {
  await look(flags, async ({ client }) => {
    const names = (await client.limits()).map((limit) => limit.name);
    if (!names.includes(name))
      throw new WindhoverError("WH2011", {
        message: `No limit is called "${name}".`,
        expected: names.length > 0 ? `one of ${names.join(", ")}` : "a limit that was set",
        got: name,
      });
    await client.setLimit(name, null);
    print(`${out("✓", "green")} ${name} is no longer limited.`);
  });
}
