/** One thing that `windhover doctor` has looked at. */
import { WindhoverError } from "../engine/errors.ts";

export interface Check {
  readonly what: string;
  readonly state: "ok" | "warning" | "wrong";
  readonly text: string;
  readonly action?: string;
}

export const check =
  (what: string) =>
  (state: Check["state"], text: string, action?: string): Check => ({ what, state, text, ...(action !== undefined && { action }) });

export function broken(what: string, error: unknown): Check {
  const known = error instanceof WindhoverError ? error : undefined;
  return check(what)("wrong", known?.message ?? String((error as Error).message), known?.action);
}
