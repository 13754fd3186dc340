/** Large values leave the entry for the result store before it is appended; the log keeps their address. An entry changes only here, before anybody has seen it. */
import type { Entry, Payload } from "./events.ts";
import { LIMITS } from "./limits.ts";
import type { Results } from "./ports.ts";

type Holder = Record<string, unknown>;
const FIELDS = ["value", "error", "args", "parameters", "detail", "result", "data"] as const;

/** Nothing to wait for where nothing is large. */
export function spill(entry: Entry, results: Results): Promise<unknown> | undefined {
  const stored = new Map<string, Promise<Payload>>();
  const work: Promise<void>[] = [];
  const move = (holder: Holder, field: string): void => {
    const text = holder[field];
    if (typeof text !== "string" || text.length <= LIMITS.inlineChars) return;
    let address = stored.get(text);
    if (!address) {
      address = results.put(text).then((ref) => ({ ref, chars: text.length }));
      stored.set(text, address);
    }
    work.push(
      address.then((payload) => {
        holder[field] = payload;
      }),
    );
  };
  const all = (holder: object | undefined): void => {
    if (holder) for (const field of FIELDS) move(holder as Holder, field);
  };
  for (const event of entry.events) {
    all(event);
    if (event.type === "started") all(event.origin);
    if (event.type === "items") event.failed?.forEach(all);
    if (event.type === "ended" && "kept" in event) event.kept?.forEach(all);
  }
  for (const effect of entry.effects) {
    if (effect.do === "send" || effect.do === "startTimer") all(effect.message);
    else if (effect.do === "emit") all(effect);
    else if (effect.do === "artifact") all(effect.row);
  }
  const state = entry.state;
  if (state.kind === "run") {
    for (const holder of [state, state.returned, state.ending, ...(state.inputs ?? [])]) all(holder);
  } else if (state.kind === "deployment") {
    all(state.settings);
    for (const { start } of [...state.queue, ...state.active]) all(start);
  }
  return work.length > 0 ? Promise.all(work) : undefined;
}
