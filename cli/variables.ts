/** `windhover variables set | get | ls | rm` */
import { WindhoverError } from "../engine/errors.ts";
import { readPayload } from "../engine/payload.ts";
import type { Ports } from "../engine/ports.ts";
import type { SettingFlags } from "./settings.ts";
import { printTable } from "./table.ts";
import { out, print, relative, tell } from "./terminal.ts";
import { jsonOf, printJson, valueText } from "./values.ts";
import { look, type Place } from "./workspace.ts";

type Flags = SettingFlags & { readonly json?: boolean };

export async function setVariable(name: string, text: string, flags: SettingFlags & { readonly string?: boolean }): Promise<void> {
  const value = flags.string ? text : jsonOrText(text);
  const set = async ({ client }: Place): Promise<void> => {
    await client.setVariable(name, value);
    print(`${out("✓", "green")} ${name} = ${valueText(value, 200)}`);
  };
  await look(flags, set, { makes: true });
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

export async function getVariable(name: string, flags: Flags): Promise<void> {
  await look(flags, async ({ ports }) => {
    const { registry, results } = ports;
    const found = await registry.get("variable", name);
    if (!found) throw await unknown(registry, name);
    const value = await readPayload(found.value, results);
    if (flags.json) printJson(value);
    else print(valueText(value));
  });
}

export async function listVariables(flags: Flags): Promise<void> {
  await look(flags, async ({ ports }) => {
    const { registry, results, clock } = ports;
    const rows = await Promise.all(
      (await registry.list("variable")).map(async ({ key, value }) => ({
        name: key,
        value: await readPayload(value.value, results),
        updatedAt: value.updatedAt,
      })),
    );
    if (flags.json)
      return printJson({ variables: rows.map((row) => ({ ...row, value: jsonOf(row.value), updatedAt: new Date(row.updatedAt).toISOString() })) });
    if (rows.length === 0) return tell("No variables are set. Set one: windhover variables set NAME VALUE");
    printTable(
      [{ title: "VARIABLE" }, { title: "VALUE", shrinks: true }, { title: "SET", right: true }],
      rows.map(({ name, value, updatedAt }) => [name, valueText(value, 200), relative(updatedAt, clock.now())]),
    );
  });
}

export async function removeVariable(name: string, flags: SettingFlags): Promise<void> {
  await look(flags, async ({ ports, client }) => {
    if (!(await ports.registry.get("variable", name))) throw await unknown(ports.registry, name);
    await client.setVariable(name, undefined);
    print(`${out("✓", "green")} ${name} is no longer set.`);
  });
}

async function unknown(registry: Ports["registry"], name: string): Promise<WindhoverError> {
  const names = (await registry.list("variable")).map((row) => row.key);
  return new WindhoverError("WH2013", {
    message: `No variable is called "${name}".`,
    expected: names.length > 0 ? `one of ${names.join(", ")}` : "a variable that was set",
    got: name,
    action: "`windhover variables ls` lists them; `windhover variables set NAME VALUE` makes one.",
  });
}
