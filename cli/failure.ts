/** How a command tells what went wrong: code and message, expected, got, what to do, where to read more. A stack is shown where it is the user's own. */
import { existsSync, readFileSync } from "node:fs";
import { ERRORS, type ErrorCode, WindhoverError } from "../engine/errors.ts";
import { shortPath, userFrames } from "./stack.ts";
import { err, tell, width } from "./terminal.ts";

/** 2: the command could not be carried out as it was given. 1: it was, and did not end well. */
export const EXIT = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** A mistake in the command line itself. */
export const usage = (message: string, details: { readonly expected?: string; readonly got?: string; readonly action?: string } = {}): WindhoverError =>
  new WindhoverError("WH2007", { message, ...details });

/** Codes of the operator's that say how something ended, not that it could not be begun. */
const FAILED: ReadonlySet<string> = new Set(["WH2008", "WH2058", "WH2061"]);

export function exitCodeOf(error: unknown): number {
  if (!(error instanceof WindhoverError)) return EXIT.failed;
  return /^WH[124]/.test(error.code) && !FAILED.has(error.code) ? EXIT.usage : EXIT.failed;
}

/** The run's parameters did not fit, and the same would be refused again: with which option it is run with others. */
export function withOthers(error: unknown): string | undefined {
  if (!(error instanceof WindhoverError)) return undefined;
  return error.code === "WH1101" ? "-p NAME=VALUE" : error.code === "WH2005" ? "--params '{}'" : undefined;
}

/** Lines of an error for a person. */
export function errorLines(error: unknown, debug = false): string[] {
  if (!(error instanceof WindhoverError)) return userErrorLines(error, debug);
  const { code, message, expected, got, action, docs, cause } = error;
  const lines = [`${err(code, "red", "bold")} ${err(message.replace(`${code}: `, ""), "bold")}`];
  const said = message.replace(/\s+/g, " ");
  if (expected) lines.push(...field("expected", expected));
  if (got && !said.endsWith(got)) lines.push(...field("got", got));
  if (cause !== undefined) lines.push(...causeLines(cause, debug));
  if (debug && error.stack)
    lines.push(
      ...error.stack
        .split("\n")
        .slice(1)
        .map((line) => err(line, "dim")),
    );
  else if (ERRORS[code]?.who === "author" && cause === undefined) lines.push(...frames(error));
  lines.push(...field("do", `${action}${aboutDates(error)}`), ...field("docs", `${docs}   (windhover explain ${code})`));
  return lines;
}

/** The schema wants a Date, and a text came: what JSON has for one. The libraries say it in their own words. */
const DATE_WANTED = /expected date\b[^;]*received ("|string)|must be a Date \(was (a )?string/i;
const aboutDates = ({ code, message }: WindhoverError): string =>
  (code === "WH1101" || code === "WH1106") && DATE_WANTED.test(message) ? " JSON has no dates: with z.coerce.date() the schema takes a text." : "";

const LABEL = 10;
function field(label: string, text: string): string[] {
  const room = Math.max(40, Math.min(width(process.stderr), 200) - LABEL - 2);
  return wrap(text, room).map((line, i) => `  ${err((i === 0 ? label : "").padEnd(LABEL), "dim")}${line}`);
}

/** Breaks at spaces; what has none stays whole, so that paths and values can be copied. */
export function wrap(text: string, room: number): string[] {
  return text.split("\n").flatMap((paragraph) => {
    const lines = [""];
    for (const word of paragraph.split(" ")) {
      const last = lines.at(-1) as string;
      if (last !== "" && last.length + 1 + word.length > room) lines.push(word);
      else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
    }
    return lines;
  });
}

function causeLines(cause: unknown, debug: boolean): string[] {
  if (!(cause instanceof Error)) return field("cause", String(cause));
  const lines = [...field("cause", `${cause.name}: ${cause.message}`), ...(debug ? (cause.stack ?? "").split("\n").slice(1) : frames(cause))];
  return cause.cause === undefined ? lines : [...lines, ...causeLines(cause.cause, debug)];
}

function frames(error: Error): string[] {
  return userFrames(error.stack)
    .slice(0, 8)
    .map((frame) => `  ${" ".repeat(LABEL)}${err(shortened(frame), "dim")}`);
}
const shortened = (frame: string): string => frame.replace(/(\/[^():]+)(?=:\d+:\d+)/, (path) => shortPath(path));

/** An error of the user's code, with the line that threw it. */
function userErrorLines(error: unknown, debug: boolean): string[] {
  if (!(error instanceof Error)) return [err(String(error), "red")];
  const lines = [`${err(error.name, "red", "bold")}${err(`: ${error.message}`, "bold")}`];
  if (debug)
    lines.push(
      ...(error.stack ?? "")
        .split("\n")
        .slice(1)
        .map((line) => err(line, "dim")),
    );
  else lines.push(...frames(error), ...excerpt(error));
  return error.cause === undefined ? lines : [...lines, ...causeLines(error.cause, debug)];
}

/** Unit: characters. */
const LONGEST_LINE = 400;

/** The source around the line at fault, where a person wrote it. */
function excerpt(error: Error): string[] {
  const match = /(\/[^():]+):(\d+):(\d+)\)?$/.exec(userFrames(error.stack)[0] ?? "");
  if (!match?.[1] || !existsSync(match[1])) return [];
  const [, file, line, column] = match;
  const at = Number(line) - 1;
  const source = readFileSync(file, "utf8").split("\n");
  // A bundle's line is the whole of it, and tells nobody anything.
  if (source[at] === undefined || source[at].length > LONGEST_LINE) return [];
  const number = (i: number): string => String(i + 1).padStart(5);
  const around = [at - 1, at, at + 1].filter((i) => source[i] !== undefined);
  const lines = around.flatMap((i) => {
    const shown = `  ${number(i)} │ ${source[i]?.slice(0, LONGEST_LINE)}`;
    return i === at ? [err(shown, "bold"), `  ${" ".repeat(5)} │ ${" ".repeat(Number(column) - 1)}${err("^", "red")}`] : [err(shown, "dim")];
  });
  return ["", ...lines];
}

export function tellError(error: unknown, debug = false): void {
  for (const line of errorLines(error, debug)) tell(line);
}

/** For `--json`: the same facts as data. */
export function errorJson(error: unknown): Readonly<Record<string, unknown>> {
  if (error instanceof WindhoverError) {
    const { code, message, expected, got, action, docs } = error;
    return { name: error.name, code, message, ...(expected !== undefined && { expected }), ...(got !== undefined && { got }), action, docs };
  }
  if (error instanceof Error) return { name: error.name, message: error.message, ...(error.stack !== undefined && { stack: error.stack }) };
  return { name: "Error", message: String(error) };
}

export const isCode = (text: string): text is ErrorCode => text in ERRORS;
