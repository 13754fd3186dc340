/**
 * What flows and tasks log, in the stack's log group. A function prints its lines, and Lambda brings them there at no extra request; others have a stream of their own. They are
 * found by the run's id in their text.
 */
import type { Logs } from "../../engine/ports.ts";
import { failure, isNamed } from "./failure.ts";
import { readLine, writeLine } from "./log-format.ts";
import type { Parts } from "./parts.ts";
import { RunLines } from "./run-lines.ts";
import { patiently } from "./throttling.ts";

/** What CloudWatch Logs takes in one request: events, and bytes with 26 more for each. */
const EVENTS = 10_000;
const BYTES = 1_048_576;
const EVENT_BYTES = 26;
/** Lines may arrive so much later than others that were written after them. Unit: milliseconds. */
const LATE_MS = 2 * 60_000;
/** Clocks may differ by so much. Unit: milliseconds. */
const SKEW_MS = 10 * 60_000;
/** A run's row may be written so much later than its first line. Unit: milliseconds. */
const YOUNG_MS = 60 * 60_000;
/** Runs whose lines this process keeps, so that the next page or the next look asks for the newest lines only. */
const KEPT_RUNS = 8;

const commands = () => import("./late/logs.ts");

export interface LogsParts extends Parts {
  /** Prints one line, in a function. Default: to the standard output. */
  readonly print?: (text: string) => void;
  /** When a run was created (milliseconds since 1970): nothing before that is searched. One of which nothing is known yet has only just begun. Default: all is searched. */
  readonly createdAt?: (run: string) => Promise<number | undefined>;
}

export function createLogs({ print = (text) => process.stdout.write(`${text}\n`), createdAt, ...parts }: LogsParts): Logs {
  const { stack, clients, clock, random, role } = parts;
  const logGroupName = stack.logGroup;
  const runs = new Map<string, RunLines>();
  let seq = 0;
  let stream: Promise<string> | undefined;

  const open = async (): Promise<string> => {
    const logStreamName = `${new Date(clock.now()).toISOString().slice(0, 10)}/client/${random.id()}`;
    const { CreateLogStreamCommand } = await commands();
    await patiently(parts, () => clients.logs.send(new CreateLogStreamCommand({ logGroupName, logStreamName })));
    return logStreamName;
  };

  const put = async (texts: readonly string[]): Promise<void> => {
    stream ??= open();
    const logStreamName = await stream.catch((error: unknown) => {
      stream = undefined;
      throw error;
    });
    // CloudWatch refuses times that are far from now: a line's own time stands in its text.
    const timestamp = clock.now();
    const logEvents = texts.map((message) => ({ timestamp, message }));
    const { PutLogEventsCommand } = await commands();
    await patiently(parts, () => clients.logs.send(new PutLogEventsCommand({ logGroupName, logStreamName, logEvents })));
  };

  const beginning = async (run: string): Promise<number> => (createdAt ? ((await createdAt(run)) ?? clock.now() - YOUNG_MS) - SKEW_MS : 0);

  const read = async (run: string, lines: RunLines): Promise<void> => {
    const from = lines.newest === undefined ? await beginning(run) : lines.newest - LATE_MS;
    const { FilterLogEventsCommand } = await commands();
    let nextToken: string | undefined;
    do {
      const command = new FilterLogEventsCommand({
        logGroupName,
        ...(pattern(run) !== undefined && { filterPattern: pattern(run) }),
        ...(from > 0 && { startTime: from }),
        ...(nextToken !== undefined && { nextToken }),
      });
      const answer = await patiently(parts, () => clients.logs.send(command));
      for (const { message = "", timestamp = 0 } of answer.events ?? []) {
        const found = readLine(message);
        if (found?.line.run === run) lines.add(found, timestamp);
      }
      nextToken = answer.nextToken;
    } while (nextToken !== undefined);
  };

  return {
    async write(lines) {
      const texts = lines.map((line) => writeLine(line, seq++));
      if (role !== "client") {
        for (const text of texts) print(text);
        return;
      }
      try {
        for (const batch of batches(texts)) await put(batch);
      } catch (error) {
        throw failure(error, `writing log lines to ${logGroupName}`);
      }
    },
    async read(run, { after, limit, call } = {}) {
      const lines = runs.get(run) ?? new RunLines();
      if (!lines.has(after, call, limit)) {
        await read(run, lines).catch((error: unknown) => {
          // A group that has never had a line may not be there yet.
          if (!isNamed(error, "ResourceNotFoundException")) throw failure(error, `reading the log lines of ${run} from ${logGroupName}`);
        });
      }
      runs.delete(run);
      runs.set(run, lines);
      for (const [oldest] of runs) if (runs.size > KEPT_RUNS) runs.delete(oldest);
      return lines.page(after, call, limit);
    },
  };
}

function* batches(texts: readonly string[]): Generator<readonly string[]> {
  let batch: string[] = [];
  let bytes = 0;
  for (const text of texts) {
    const size = Buffer.byteLength(text) + EVENT_BYTES;
    if (batch.length === EVENTS || (batch.length > 0 && bytes + size > BYTES)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(text);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

/** A quoted term matches exactly. An id with a quote or a backslash looks otherwise in each wrapping: then all lines are looked at. */
const pattern = (run: string): string | undefined => (run !== "" && JSON.stringify(run) === `"${run}"` ? `"${run}"` : undefined);
