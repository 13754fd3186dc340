/** Large values leave the entry for the result store before it is appended; the log keeps their address. An entry changes only here, before anybody has seen it. */
import type { Entry, Payload } from "./events.ts";
import { LIMITS } from "./limits.ts";
import type { Results } from "./ports.ts";

type Holder = Record<string, unknown>;
const FIELDS = ["value", "error", "args", "parameters", "detail", "result", "data"] as const;

/** Nothing to wait for where nothing is large. */
export function spill(entry: Entry, results: Results): Promise<unknown> | undefined {
  const large: Large[] = [];
  findAll(entry, large);
  if (large.length === 0) return undefined;
  const stored = new Map<string, Promise<Payload>>();
  return Promise.all(
    large.map(async ({ holder, field, text }) => {
      let address = stored.get(text);
      if (!address) {
        address = results.put(text).then((ref) => ({ ref, chars: text.length }));
        stored.set(text, address);
      }
      holder[field] = await address;
    }),
  );
}

/** What is written beside the log: where it has room for it, else the address of it. */
export async function stored(text: string, results: Results): Promise<Payload> {
  return text.length > LIMITS.inlineChars ? { ref: await results.put(text), chars: text.length } : text;
}

interface Large {
  readonly holder: Holder;
  readonly field: string;
  readonly text: string;
}

function findAll({ events, effects, state }: Entry, large: Large[]): void {
  for (const event of events) {
    find(event, large);
    if (event.type === "started") find(event.origin, large);
    if (event.type === "items") for (const failed of event.failed ?? []) find(failed, large);
    if (event.type === "ended" && "kept" in event) for (const message of event.kept ?? []) find(message, large);
  }
  for (const effect of effects) {
    if (effect.do === "send" || effect.do === "startTimer") find(effect.message, large);
    else if (effect.do === "emit") find(effect, large);
    else if (effect.do === "artifact") find(effect.row, large);
  }
  if (state.kind === "run") {
    find(state, large);
    find(state.returned, large);
    find(state.ending, large);
    for (const input of state.inputs ?? []) find(input, large);
  } else if (state.kind === "deployment") {
    find(state.settings, large);
    for (const spec of state.settings.schedules) find(spec, large);
    for (const { start } of state.queue) find(start, large);
    for (const { start } of state.active) find(start, large);
  }
}

function find(holder: object | undefined, large: Large[]): void {
  if (!holder) return;
  for (const field of FIELDS) {
    const text = (holder as Holder)[field];
    if (typeof text === "string" && text.length > LIMITS.inlineChars) large.push({ holder: holder as Holder, field, text });
  }
}
