/**
 * Older builds of a function. Each deploy publishes a version whose description is its build; what belongs to a run of an older one is handed to that version, by a synchronous
 * invocation with the very same records (rule 34): whoever received them deletes them, and only after that version has done its work.
 */
import type { FunctionConfiguration } from "@aws-sdk/client-lambda";
import type { SQSBatchResponse, SQSRecord } from "aws-lambda";
import type { AwsClients } from "../adapters/aws/clients.ts";
import { isNamed } from "../adapters/aws/failure.ts";
import { WindhoverError } from "../engine/errors.ts";
import type { Clock } from "../engine/ports.ts";

/** How long a build that is not there is not looked for again. Unit: milliseconds. */
const ABSENT_MS = 60_000;

export class Versions {
  readonly #clients: Pick<AwsClients, "lambda">;
  /** The function's name or ARN. */
  readonly #function: string;
  readonly #clock: Pick<Clock, "now">;
  /** By build: the version's number. */
  readonly #known = new Map<string, string>();
  /** By build: until when one that was not there counts as gone. Never for good: a deploy that is under way may publish it yet. Unit: milliseconds since 1970. */
  readonly #absent = new Map<string, number>();

  constructor(clients: Pick<AwsClients, "lambda">, functionName: string, clock: Pick<Clock, "now">) {
    this.#clients = clients;
    this.#function = functionName;
    this.#clock = clock;
  }

  /**
   * True when that build has done its work; false when it is no longer deployed.
   * @throws WH3122 when it failed, or could do only a part: the records have to be delivered again.
   */
  async take(build: string, records: readonly SQSRecord[]): Promise<boolean> {
    const version = await this.#find(build);
    if (version === null) return false;
    const { InvokeCommand } = await import("../adapters/aws/late/lambda.ts");
    const command = new InvokeCommand({ FunctionName: this.#function, Qualifier: version, Payload: Buffer.from(JSON.stringify({ Records: records })) });
    const answer = await this.#clients.lambda.send(command).catch((error: unknown) => {
      if (isNamed(error, "ResourceNotFoundException")) return null;
      throw refusal(build, version, error instanceof Error ? error.message : String(error), error);
    });
    if (answer === null) {
      this.#known.delete(build);
      this.#miss(build);
      return false;
    }
    const said = Buffer.from(answer.Payload ?? []).toString("utf8");
    if (answer.FunctionError !== undefined) throw refusal(build, version, said);
    const { batchItemFailures = [] } = (JSON.parse(said || "{}") ?? {}) as Partial<SQSBatchResponse>;
    if (batchItemFailures.length > 0) throw refusal(build, version, "it gave its messages back");
    return true;
  }

  async #find(build: string): Promise<string | null> {
    const known = this.#known.get(build);
    if (known !== undefined) return known;
    if (this.#clock.now() < (this.#absent.get(build) ?? 0)) return null;
    const { ListVersionsByFunctionCommand } = await import("../adapters/aws/late/lambda.ts");
    let marker: string | undefined;
    do {
      const page = await this.#clients.lambda.send(new ListVersionsByFunctionCommand({ FunctionName: this.#function, Marker: marker }));
      for (const version of page.Versions ?? []) this.#note(version);
      marker = page.NextMarker;
    } while (marker !== undefined && marker !== "");
    // A deploy publishes versions of all functions before it lets messages to any of them, so what is not there is gone.
    const found = this.#known.get(build);
    if (found === undefined) this.#miss(build);
    return found ?? null;
  }
  #miss(build: string): void {
    this.#absent.set(build, this.#clock.now() + ABSENT_MS);
  }
  #note({ Version, Description }: FunctionConfiguration): void {
    if (Version !== undefined && Version !== "$LATEST" && Description) this.#known.set(Description, Version);
  }
}

function refusal(build: string, version: string, why: string, cause?: unknown): WindhoverError {
  const got = why.length > 300 ? `${why.slice(0, 300)}…` : why;
  return new WindhoverError("WH3122", {
    message: `Build ${build} (version ${version}) did not take the turn: ${got}`,
    expected: "an answer without failures",
    got,
    cause,
  });
}

/** Why a run of that build cannot go on, as a run's own message. */
export function goneMessage(build: string): string {
  const { message } = new WindhoverError("WH3121", { message: `the build ${build}, on which it started, is no longer deployed`, got: build });
  return message;
}
