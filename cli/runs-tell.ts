/** `windhover runs cancel | pause | resume | input`: a message to a run, and what it made of it. */
import { readFileSync } from "node:fs";
import { decodeError } from "../engine/codec.ts";
import type { RunRow } from "../engine/events.ts";
import { runActor } from "../engine/messages.ts";
import type { RunState } from "../engine/run-state.ts";
import { isFinal } from "../engine/state.ts";
import type { PortsRun } from "../sdk/ports-run.ts";
import { EXIT, tellError, usage } from "./failure.ts";
import { findRun } from "./find-run.ts";
import { onItsWay, type Watch, watch } from "./outcome.ts";
import type { SettingFlags } from "./settings.ts";
import { out, print } from "./terminal.ts";
import { printJson } from "./values.ts";
import { look, type Place } from "./workspace.ts";

type Flags = SettingFlags & { readonly json?: boolean };
type Handle = PortsRun<unknown>;
interface Told {
  /** What happened, in words. */
  readonly text: string;
  /** Undefined: nobody has taken it yet. */
  readonly done: boolean | undefined;
}

async function told(
  run: string,
  flags: Flags,
  action: string,
  work: (handle: Handle, seen: Watch, name: string, suffix: string, place: Place) => Promise<Told>,
): Promise<void> {
  await look(flags, async (place) => {
    const row = await findRun(place.ports, run);
    const { text, done } =
      (await already(place, row, action)) ??
      (await work(place.client.get(row.id) as Handle, await watch(place, row.id), row.name, place.settings.suffix, place));
    if (flags.json) return printJson({ id: row.id, name: row.name, action, done: done === true });
    if (done === undefined) print(`${out("○", "yellow")} ${text} ${onItsWay(place)}`);
    else print(`${done ? out("✓", "green") : out("✗", "red")} ${text}`);
  });
}

/** What is so already is not asked for again: no event would say that it was heard. */
async function already({ ports, served, settings }: Place, { id, name }: RunRow, action: string): Promise<Told | undefined> {
  const state = (await ports.log.tail(runActor(id)))?.state as RunState | undefined;
  if (!state || state.continuedAs !== undefined) return undefined;
  const { cancel: cancelling, paused, open, row } = state;
  const so = (text: string): Told => ({ text: `${name} ${text}`, done: true });
  if (action === "cancel" && row.type === "CANCELLED") return so("is cancelled already.");
  if (isFinal(row.type)) return undefined;
  if (action === "cancel" && cancelling) return so("is being cancelled already: its code cleans up first.");
  // Where nobody takes mail, what was asked before may still wait, and this is to come after it.
  if (served?.() === false) return undefined;
  if (action === "pause" && paused) return so(`is paused already. To go on: windhover runs resume ${name}${settings.suffix}`);
  if (action === "resume" && !paused && !Object.values(open).some(({ kind }) => kind === "pause")) return so("is not paused.");
  return undefined;
}

export const cancel = (run: string, flags: Flags): Promise<void> =>
  told(run, flags, "cancel", async (handle, seen, name) => {
    await handle.cancel();
    const event = await seen.event(["cancelling", "ended"]);
    const after = event?.type === "cancelling" ? await seen.event(["ended"]) : event;
    if (after) return { text: `Cancelled ${name}.`, done: true };
    return event ? { text: `Cancelling ${name}: its code cleans up first.`, done: true } : { text: `Told ${name} to stop.`, done: undefined };
  });

export const pause = (run: string, flags: Flags): Promise<void> =>
  told(run, flags, "pause", async (handle, seen, name, suffix) => {
    await handle.pause();
    return (await seen.event(["paused"]))
      ? { text: `Paused ${name}. To go on: windhover runs resume ${name}${suffix}`, done: true }
      : { text: `Told ${name} to pause.`, done: undefined };
  });

export const resume = (run: string, flags: Flags): Promise<void> =>
  told(run, flags, "resume", async (handle, seen, name) => {
    await handle.resume();
    return (await seen.event(["resumed", "settled"])) ? { text: `Resumed ${name}.`, done: true } : { text: `Told ${name} to go on.`, done: undefined };
  });

export const migrate = (run: string, flags: Flags): Promise<void> =>
  told(run, flags, "migrate", async (handle, seen, name, _suffix, { stack }) => {
    if (!stack)
      throw usage("The runs of a directory have nothing to be moved to: they go on with whatever code is loaded.", {
        expected: "a run of a stack: --stack NAME",
        got: "no stack",
      });
    await handle.migrate();
    const event = await seen.event(["migrated"]);
    if (!event) return { text: `Told ${name} to go on with the newest build. If it is on that already, nothing changes.`, done: undefined };
    if (event.error === undefined) return { text: `${name} goes on with build ${event.build}.`, done: true };
    tellError(typeof event.error === "string" ? decodeError(event.error) : new Error("The code does not match the run's log."));
    process.exitCode = EXIT.failed;
    return { text: `${name} stays on its build: build ${event.build} does not match its log.`, done: false };
  });

export const input = (run: string, name: string, json: string, flags: Flags): Promise<void> =>
  told(run, flags, "input", async (handle, seen, runName, _suffix, { ports }) => {
    await handle.input(name, readValue(json));
    const event = await seen.event(["input", "rejected"]);
    if (event?.type !== "rejected") {
      const state = (await ports.log.tail(runActor(handle.id)))?.state as RunState | undefined;
      return { text: `Sent the input "${name}" to ${runName}.${state ? keptFor(state, name) : ""}`, done: event ? true : undefined };
    }
    // The run has refused it, and goes on waiting.
    tellError(typeof event.error === "string" ? decodeError(event.error) : new Error("The input was refused."));
    process.exitCode = EXIT.failed;
    return { text: `${runName} refused it and goes on waiting.`, done: false };
  });

/** An input that nobody waits for is kept until somebody does, which is what one wants of an early one, and not of a mistyped one. */
function keptFor({ open, inputs = [] }: RunState, name: string): string {
  if (!inputs.some((input) => input.name === name)) return "";
  const names = [...new Set(Object.values(open).flatMap(({ input }) => (input === undefined ? [] : `"${input}"`)))];
  return ` It is kept until the run asks for it${names.length > 0 ? `; now it waits for ${names.join(" and ")}` : ""}.`;
}

function readValue(json: string): unknown {
  try {
    return JSON.parse(json.startsWith("@") ? readFileSync(json === "@-" ? 0 : json.slice(1), "utf8") : json);
  } catch (error) {
    throw usage(`The value is not JSON: ${(error as Error).message}`, {
      expected: `JSON such as '{ "approved": true }' or '"text"', or @FILE`,
      got: json.slice(0, 200),
    });
  }
}
