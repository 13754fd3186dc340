/**
 * What can be said of something that was thrown. It need not be an error: a Proxy, a getter or a `toString` of the author's may throw wherever it is touched, and whoever looks at it here
 * would take that for a failure of the backend, and try again for ever.
 */
import { WindhoverError } from "./errors.ts";

function tried<T>(look: () => T, otherwise: T): T {
  try {
    return look();
  } catch {
    return otherwise;
  }
}

const isError = (thrown: unknown): thrown is Error => tried(() => thrown instanceof Error, false);

export const nameOf = (thrown: unknown): unknown => tried(() => (thrown as Error | null | undefined)?.name, undefined);

export const messageOf = (thrown: unknown): string => tried(() => String(isError(thrown) ? thrown.message : thrown), UNSPEAKABLE);

/** With the name of its class. */
export const saidBy = (thrown: unknown): string =>
  isError(thrown) ? `${tried(() => String(nameOf(thrown) ?? "Error"), "Error")}: ${messageOf(thrown)}` : messageOf(thrown);

/** Undefined for what is not an error of ours. */
export const codeOf = (thrown: unknown): string | undefined => tried(() => (thrown instanceof WindhoverError ? thrown.code : undefined), undefined);

const UNSPEAKABLE = "something that cannot be described";
