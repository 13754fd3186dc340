import { afterEach, expect, test, vi } from "vitest";
import { note } from "../../functions/note.ts";

const written = vi.spyOn(process.stdout, "write").mockReturnValue(true);
afterEach(() => {
  vi.unstubAllEnvs();
  written.mockClear();
});

function linesAt(level: string | undefined): unknown[] {
  vi.stubEnv("WINDHOVER_LOG", level);
  note("DEBUG", "turns", { messages: 1 });
  note("INFO", "handed on");
  note("ERROR", "a turn failed");
  return written.mock.calls.map(([line]) => (JSON.parse(String(line)) as { readonly windhover: string }).windhover);
}

test("an invocation in which all goes well writes nothing: CloudWatch bills each line", () =>
  expect(linesAt(undefined)).toEqual(["handed on", "a turn failed"]));
test("WINDHOVER_LOG=debug asks for a line for each invocation", () => expect(linesAt("debug")).toEqual(["turns", "handed on", "a turn failed"]));
test("WINDHOVER_LOG=error leaves the rest out", () => expect(linesAt("error")).toEqual(["a turn failed"]));
test("WINDHOVER_LOG=off has the functions say nothing", () => expect(linesAt("off")).toEqual([]));
