/** Errors as answers: the status that a code stands for, and the body that says what was expected, what came, and what to do. */

import * as z from "zod";
import { type ErrorCode, WindhoverError } from "../engine/errors.ts";

export const Problem = z.object({
  code: z.string().describe("A row of docs/errors"),
  message: z.string(),
  expected: z.string().optional(),
  got: z.string().optional(),
  action: z.string().describe("What to do"),
  docs: z.string().describe("The page that says more"),
});
export type Problem = z.infer<typeof Problem>;

const STATUS: Partial<Record<ErrorCode, number>> = {
  WH1101: 422,
  WH1106: 422,
  WH2001: 404,
  WH2002: 404,
  WH2003: 404,
  WH2004: 409,
  WH2005: 422,
  WH2006: 404,
  WH2011: 404,
  WH2013: 404,
  WH2018: 403,
  WH2019: 404,
  WH2063: 409,
  WH2064: 409,
};

/** An error that knows its status better than its code does: too large, no secret. */
export class Refusal extends WindhoverError {
  readonly status: number;
  constructor(status: number, code: ErrorCode, details: ConstructorParameters<typeof WindhoverError>[1]) {
    super(code, details);
    this.status = status;
  }
}

export function problemOf(error: unknown): { readonly status: number; readonly problem: Problem } {
  const known =
    error instanceof WindhoverError
      ? error
      : new WindhoverError("WH9001", { message: `The server failed: ${error instanceof Error ? error.message : String(error)}` });
  const { code, message, expected, got, action, docs } = known;
  return {
    status: statusOf(known),
    problem: { code, message: message.replace(`${code}: `, ""), ...(expected !== undefined && { expected }), ...(got !== undefined && { got }), action, docs },
  };
}

function statusOf(error: WindhoverError): number {
  if (error instanceof Refusal) return error.status;
  return STATUS[error.code] ?? (error.code.startsWith("WH3") ? 503 : error.code.startsWith("WH9") ? 500 : 400);
}
