/** What a call may be given of other calls: futures of its own run, and of no other. */
import { WindhoverError } from "../engine/errors.ts";
import type { CallSpec } from "../engine/events.ts";
import { isFuture, ownerOf } from "../engine/future.ts";
import type { Instance } from "../engine/instance.ts";
import type { CallOptions } from "./options.ts";

/** Stands for a future among the arguments, whose id is noted in `deps`. */
export function noting(instance: Instance, deps: string[]): (value: object) => string | undefined {
  return (value) => {
    if (!isFuture(value)) return undefined;
    const id = idOf(instance, value, "an argument");
    deps.push(id);
    return id;
  };
}

/** The calls that have to end before this one. */
export function afterOf(instance: Instance, { waitFor }: CallOptions): Pick<CallSpec, "after"> | undefined {
  return waitFor?.length ? { after: waitFor.map((one) => idOf(instance, one, "`waitFor`")) } : undefined;
}

/** @throws WindhoverError WH1011 */
function idOf(instance: Instance, value: unknown, where: string): string {
  const owner = isFuture(value) ? ownerOf(value) : undefined;
  if (isFuture(value) && owner && instance.calls.get(owner.id) === owner) return value.id;
  const got = isFuture(value) ? `the future "${value.id}", which is of no call in this run` : value instanceof Promise ? "a promise" : typeof value;
  throw new WindhoverError("WH1011", { message: `A call was given ${got} as ${where}.`, expected: "a future of a call in the same run", got });
}
