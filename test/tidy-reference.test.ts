/** Pages of the docs that are printed from the code. `npx vitest run test/tidy-reference -u` prints them anew. */
import type { Command, Option } from "commander";
import { expect, test } from "vitest";
import { program } from "../cli/program.ts";
import { FINAL, TRANSITIONS } from "../engine/state.ts";

test("docs/states.md says which state may follow which", async () => {
  const state = (type: string | null): string => type ?? "(none)";
  const rows = TRANSITIONS.map(({ name, from, to, why }) => `| ${name} | ${from.map(state).join(", ")} | ${to.join(", ")} | ${why} |`);
  const page = `# States

A state has one of nine types, a name that says more (\`AwaitingRetry\` is a kind of SCHEDULED, \`Cached\` of COMPLETED), and, where something waits, a reason: what it waits for, since when, until when, and who holds it up.

${FINAL.join(", ")} are final. Which may follow which is a list of rules; the first that fits decides.

| rule | from | to | why |
|---|---|---|---|
${rows.join("\n")}

This page is printed from \`engine/state.ts\`.
`;
  await expect(page).toMatchFileSnapshot("../docs/states.md");
});

test("docs/cli.md lists every command and option", async () => {
  await expect(`# Command line\n\n${section(program(), [])}\nThis page is printed from \`cli/program.ts\`.\n`).toMatchFileSnapshot("../docs/cli.md");
});

function section(command: Command, above: readonly string[]): string {
  const path = [...above, command.name()];
  const usage = [...path, ...command.registeredArguments.map((argument) => (argument.required ? `<${argument.name()}>` : `[${argument.name()}]`))].join(" ");
  const children = command.commands.filter((child) => !(child as unknown as { readonly _hidden?: boolean })._hidden).map((child) => section(child, path));
  const options = command.options.filter((option) => !option.hidden);
  const own = command.commands.length === 0 || above.length === 0;
  const head = own ? `## ${above.length === 0 ? "windhover" : `\`${usage}\``}\n\n${sentence(command.description())}\n` : "";
  const args = command.registeredArguments.filter(({ description }) => description).map((argument) => `| \`${argument.name()}\` | ${argument.description} |`);
  const rows = [...args, ...options.map(row)];
  const table = rows.length > 0 ? `\n| | |\n|---|---|\n${rows.join("\n")}\n` : "";
  return [head + table, ...children].filter((part) => part !== "").join("\n");
}
const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}${text.endsWith(".") ? "" : "."}`;
const row = ({ flags, description, defaultValue }: Option): string =>
  `| \`${flags}\` | ${description.replaceAll("|", "\\|")}${defaultValue === undefined ? "" : ` (default: ${String(defaultValue)})`} |`;
