/** Which of a task's own limits a call takes: `concurrency.key` says so by the arguments, as far as they are there when the call is made. */
import type { TaskDefinition } from "../engine/definition.ts";
import { WindhoverError } from "../engine/errors.ts";
import type { LimitWanted } from "../engine/events.ts";
import { isFuture } from "../engine/future.ts";
import type { Instance } from "../engine/instance.ts";
import { isUnmapped } from "./unmapped.ts";

/** An argument's value, or that it is not there yet. */
export type Known = { readonly value: unknown } | undefined;

export function knownIn(instance: Instance, arg: unknown): Known {
  if (!isFuture(arg)) return { value: arg };
  const outcome = instance.calls.get(arg.id)?.outcome;
  return outcome?.ok ? { value: outcome.value } : undefined;
}

/** @throws WindhoverError WH1063 where an argument is missing, or where the items of a map have several keys: a map is one call, and takes one limit. */
export function ownLimit({ name, concurrency }: TaskDefinition, calls: () => Iterable<readonly unknown[]> | undefined): readonly LimitWanted[] | undefined {
  if (!concurrency) return undefined;
  const { limit: slots, key } = concurrency;
  if (!key) return [{ name: `task:${name}`, slots }];
  const found = key.length === 0 ? [[]] : calls();
  if (!found)
    throw new WindhoverError("WH1063", {
      message: `The limit of "${name}" has a key that follows from its arguments, and one of them is a call's result that is not there yet.`,
      expected: "arguments whose values are known",
      got: "a future",
      action: "Await the future first, and hand its result to the task.",
    });
  const keys = new Set<string>();
  for (const args of found) {
    keys.add(key(...(args as never[])));
    if (keys.size < 2) continue;
    const [one, another] = keys;
    throw new WindhoverError("WH1063", {
      message: `The items of a map of "${name}" have several keys of its limit: ${JSON.stringify(one)}, ${JSON.stringify(another)} …`,
      expected: "items of one key",
      got: "several",
    });
  }
  return [...keys].map((one) => ({ name: `task:${name}:${one}`, slots }));
}

/** The arguments of each of a map's calls, where all of its lists are there. */
export function callsOf(instance: Instance, args: readonly unknown[]): (readonly unknown[])[] | undefined {
  const columns = args.map((arg) => (isUnmapped(arg) ? { same: arg.value } : { list: knownIn(instance, arg)?.value as readonly unknown[] | undefined }));
  const lists = columns.flatMap((column) => ("list" in column ? [column.list] : []));
  if (lists.some((list) => !Array.isArray(list))) return undefined;
  return Array.from({ length: lists[0]?.length ?? 0 }, (_, i) => columns.map((column) => ("list" in column ? column.list?.[i] : column.same)));
}
