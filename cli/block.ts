/** `windhover block set | ls | inspect | rm`: settings with secrets, for tasks to load. They are encrypted where they lie, and never printed. */
import { readFileSync } from "node:fs";
import { decode, encodeSecret } from "../engine/codec.ts";
import type { FlowDefinition } from "../engine/definition.ts";
import { WindhoverError } from "../engine/errors.ts";
import type { Ports } from "../engine/ports.ts";
import { check } from "../engine/schema.ts";
import { type BlockDefinition, blockTypes } from "../sdk/block.ts";
import { usage } from "./failure.ts";
import { jsonSchemaOf, knownParameters, readParameters } from "./parameters.ts";
import { ask, canAsk } from "./prompt.ts";
import { readSettings, type SettingFlags } from "./settings.ts";
import { closest } from "./suggestion.ts";
import { printTable } from "./table.ts";
import { err, out, print, tell } from "./terminal.ts";
import { printJson, valueText } from "./values.ts";
import { look, type Place } from "./workspace.ts";

type Flags = SettingFlags & { readonly json?: boolean };
type SetFlags = SettingFlags & { readonly value?: readonly string[]; readonly json?: string };
type Values = Readonly<Record<string, unknown>>;

export async function setBlock(name: string, flags: SetFlags): Promise<void> {
  const { type, label } = parsed(name);
  const definition = await typeOf(type, flags);
  const values = await readValues(definition, type, label, flags);
  const set = async ({ ports, settings }: Place): Promise<void> => {
    const before = await ports.secrets.get(label);
    await ports.secrets.put(label, encodeSecret(values));
    print(`${out("✓", "green")} ${before === null ? "Set" : "Replaced"} ${label}.  ${out(`windhover block inspect ${label}${settings.suffix}`, "dim")}`);
  };
  await look(flags, set, { makes: true });
}

export async function listBlocks(flags: Flags): Promise<void> {
  await look(flags, async ({ ports, settings }) => {
    const blocks = (await ports.secrets.list()).map((label) => parsed(label));
    if (flags.json) return printJson({ blocks: blocks.map(({ type, name }) => ({ type, name })) });
    if (blocks.length === 0) return tell(`No blocks are set. Set one: windhover block set secret/NAME${settings.suffix}`);
    printTable(
      [{ title: "TYPE" }, { title: "NAME" }],
      blocks.map(({ type, name }) => [type, name]),
    );
  });
}

export async function inspectBlock(name: string, flags: Flags): Promise<void> {
  const { type, label } = parsed(name);
  const definition = await typeOf(type, flags);
  await look(flags, async ({ ports }) => {
    const text = await ports.secrets.get(label);
    if (text === null) throw await unknown(ports.secrets, label);
    const shown = masked(readStored(label, text), definition);
    if (flags.json) return printJson({ type, name: label.slice(type.length + 1), values: shown });
    print(`${out(label, "bold")}${definition?.description ? `  ${out(definition.description, "dim")}` : ""}`);
    for (const [key, value] of Object.entries(shown)) print(`  ${out(key.padEnd(12), "dim")}${valueText(value, 200)}`);
    if (!definition) print(out(`\n  The type "${type}" is not defined in the code here, so nothing of it is shown.`, "dim"));
  });
}

export async function removeBlock(name: string, flags: SettingFlags): Promise<void> {
  const { label } = parsed(name);
  await look(flags, async ({ ports }) => {
    if ((await ports.secrets.get(label)) === null) throw await unknown(ports.secrets, label);
    await ports.secrets.put(label, null);
    print(`${out("✓", "green")} ${label} is no longer set.`);
  });
}

function parsed(text: string): { readonly type: string; readonly name: string; readonly label: string } {
  const slash = text.indexOf("/");
  const [type, name] = [text.slice(0, slash), text.slice(slash + 1)];
  if (slash < 1 || !/^[\w+=.@/-]{1,200}$/.test(text) || name === "" || name.endsWith("/"))
    throw usage(`"${text}" does not name a block.`, { expected: "TYPE/NAME, such as secret/openai: letters, digits and _+=.@-", got: text });
  return { type, name, label: text };
}

/** What the project's code says of the type. A type of its own that cannot be loaded is stored as it is given. */
async function typeOf(type: string, flags: SettingFlags): Promise<BlockDefinition | undefined> {
  if (blockTypes.has(type)) return blockTypes.get(type);
  const { entries } = await readSettings(flags);
  if (entries.length > 0) {
    const { loadEntries } = await import("./loader.ts");
    await loadEntries(entries).catch((error: unknown) => tell(err(`The entries cannot be loaded (windhover doctor): ${(error as Error).message}`, "yellow")));
  }
  return blockTypes.get(type);
}

async function readValues(definition: BlockDefinition | undefined, type: string, label: string, flags: SetFlags): Promise<Values> {
  const given =
    flags.value?.length || flags.json !== undefined ? fromFlags(definition, type, flags) : canAsk() ? await asked(definition, type) : fromInput(type);
  if (!definition) {
    tell(err(`The type "${type}" is not defined in the code here: the values are not checked.`, "yellow"));
    return given;
  }
  const refused = (issues: string): WindhoverError =>
    new WindhoverError("WH2016", {
      message: `The block ${label} does not fit its type: ${issues}`,
      expected: fieldsText(definition),
      got: Object.keys(given).join(", ") || "no values",
    });
  const checked = await check(definition.schema, given, (_got, issues) => refused(issues));
  if (!checked.ok) throw checked.error;
  // As it was given: the schema is applied again when the block is loaded.
  return given;
}

/** A type's fields are read as parameters are. */
const asFlow = ({ type, schema }: BlockDefinition): FlowDefinition => ({ name: type, parameters: schema, fn: () => {}, hooks: {} }) as FlowDefinition;

function fieldsText(definition: BlockDefinition): string {
  const known = knownParameters(asFlow(definition));
  const names = definition.type === "secret" ? ["value"] : Object.keys(known?.properties ?? {});
  return names.length > 0 ? `the fields ${names.join(", ")}` : "what the type's schema says";
}

function fromFlags(definition: BlockDefinition | undefined, type: string, { value = [], json }: SetFlags): Values {
  // Of a block that is one text, the text alone says enough.
  const pairs = type === "secret" ? value.map((text) => (text.startsWith("value=") ? text : `value=${text}`)) : value;
  const bad = pairs.find((pair) => pair.indexOf("=") < 1);
  if (bad !== undefined) throw usage("--value has no field.", { expected: "--value FIELD=VALUE", got: "a value without a field" });
  if (type === "secret" && json === undefined) return Object.fromEntries(pairs.map((pair) => ["value", pair.slice("value=".length)]));
  const typed = definition && jsonSchemaOf(definition.schema) ? asFlow(definition) : undefined;
  try {
    return readParameters({ param: pairs, ...(json !== undefined && { params: json }) }, typed, type);
  } catch (error) {
    throw error instanceof WindhoverError && error.code === "WH2005" ? unknownField(error, definition as BlockDefinition, type) : error;
  }
}

/** Fields are read as parameters are, but are called what they are. */
function unknownField({ expected, got = "" }: WindhoverError, definition: BlockDefinition, type: string): WindhoverError {
  const guess = closest(got, Object.keys(knownParameters(asFlow(definition))?.properties ?? {}));
  return new WindhoverError("WH2016", {
    message: `A block of the type "${type}" has no field "${got}".${guess ? ` Did you mean "${guess}"?` : ""}`,
    ...(expected !== undefined && { expected }),
    got,
    action: guess ? `Write --value ${guess}=…` : "Use the fields of the type's schema.",
  });
}

/** From a pipe: an object as JSON; for a block that is one text also that text. */
function fromInput(type: string): Values {
  const text = readFileSync(0, "utf8").trim();
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Values;
  } catch {
    // A text that is no JSON may be the secret itself.
  }
  if (type === "secret" && text !== "") return { value: text };
  throw usage("No values were given.", {
    expected: "--value FIELD=VALUE, --json @FILE, or an object as JSON on the standard input",
    got: text === "" ? "nothing" : "a text that is no JSON object",
  });
}

async function asked(definition: BlockDefinition | undefined, type: string): Promise<Values> {
  const known = definition && type !== "secret" ? knownParameters(asFlow(definition)) : undefined;
  const fields = type === "secret" ? ["value"] : Object.keys(known?.properties ?? {});
  if (fields.length === 0)
    throw usage(`It is not known which fields a block of the type "${type}" has.`, { expected: "--value FIELD=VALUE, or --json @FILE", got: "no values" });
  const given: string[] = [];
  for (const field of fields) {
    const optional = known !== undefined && !known.required.includes(field);
    const text = await ask(`${field}${optional ? err(" (may be left out)", "dim") : ""}: `, { hidden: definition?.secret.includes(field) ?? true });
    if (text !== "" || !optional) given.push(`${field}=${text}`);
  }
  return fromFlags(definition, type, { value: given });
}

/** @throws WH2016 when it was not written by us. */
function readStored(label: string, text: string): Values {
  try {
    const value = decode(text);
    if (typeof value === "object" && value !== null) return value as Values;
  } catch {
    // What came in its place is not shown: it may be the secret.
  }
  throw new WindhoverError("WH2016", {
    message: `The block ${label} cannot be read: it was not set by Windhover.`,
    expected: "what `windhover block set` writes",
    got: "***",
  });
}

const masked = (values: Values, definition: BlockDefinition | undefined): Values =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [key, definition && !definition.secret.includes(key) ? value : "***"]));

async function unknown(secrets: Ports["secrets"], label: string): Promise<WindhoverError> {
  const names = await secrets.list();
  const guess = closest(label, names);
  return new WindhoverError("WH2016", {
    message: `The block ${label} is not set.${guess ? ` Did you mean ${guess}?` : ""}`,
    expected: names.length > 0 ? `one of ${names.join(", ")}` : "a block that was set",
    got: label,
  });
}
