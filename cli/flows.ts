/** `windhover flows ls` */
import type { Loaded } from "./loader.ts";
import { jsonSchemaOf, knownParameters, typeText } from "./parameters.ts";
import { readSettings, type SettingFlags } from "./settings.ts";
import { shortPath } from "./stack.ts";
import { printTable } from "./table.ts";
import { out } from "./terminal.ts";
import { printJson } from "./values.ts";
import { needEntries } from "./workspace.ts";

export async function listFlows(flags: SettingFlags & { readonly json?: boolean }): Promise<void> {
  const settings = await readSettings(flags);
  const { loadEntries } = await import("./loader.ts");
  const loaded = await loadEntries(needEntries(settings, "Listing flows", "windhover flows ls -e FILE"));
  const rows = flowRows(loaded);
  if (flags.json)
    return printJson({
      flows: rows.map(({ flow, ...row }) => ({
        name: flow.name,
        description: flow.description ?? null,
        version: flow.version ?? null,
        ...row,
        parameters: (flow.parameters && jsonSchemaOf(flow.parameters)) ?? null,
      })),
    });
  printTable(
    [
      { title: "FLOW" },
      { title: "PARAMETERS", shrinks: true, below: true },
      { title: "DEPLOYMENTS", shrinks: true },
      { title: "FILE", shrinks: true, drops: 1 },
    ],
    rows.map(({ flow, file, deployments }) => [flow.name, parametersText(flow), deployments.join(", "), out(shortPath(file), "dim")]),
  );
}

const flowRows = ({ flows, exported, deployments }: Loaded) =>
  flows.map((flow) => ({
    flow,
    file: exported.find((e) => e.flow === flow)?.file ?? "",
    deployments: deployments.filter((d) => d.definition.name === flow.name).map((d) => d.name),
  }));

function parametersText(flow: Loaded["flows"][number]): string {
  const known = knownParameters(flow);
  if (!known) return out("see its schema", "dim");
  const names = Object.entries(known.properties).map(([name, schema]) => `${name}${known.required.includes(name) ? "" : "?"}: ${typeText(schema)}`);
  return names.length > 0 ? names.join(", ") : out("none", "dim");
}
