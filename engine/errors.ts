/**
 * Every error that we throw, as a table: what it is called, who has to act, and what to do. One class carries them all. `docs/errors/<code>.md` says more; a test
 * holds table and pages together. Codes: WH1xxx an author's code, WH2xxx and WH4xxx an operator's call or settings, WH3xxx the place where it runs, WH9xxx us.
 */
type Who = "author" | "operator" | "us";
interface Row {
  readonly who: Who;
  readonly title: string;
  readonly action: string;
}

export const ERRORS = {
  // ---- the author: how flows and tasks are written
  WH1001: {
    who: "author",
    title: "A name is missing or not usable",
    action: "Give `name` as the first option: 1 to 100 characters, no control characters, no slash at its ends.",
  },
  WH1002: {
    who: "author",
    title: "Two flows or tasks have the same name",
    action: "Rename one of them: runs, schedules and the code of a queued task are found by name.",
  },
  WH1003: {
    who: "author",
    title: "An option has a value that it cannot have",
    action: "Give the option that the message names a value that it may have (`expected`), or leave it out.",
  },
  WH1004: { who: "author", title: "A duration cannot be read", action: 'Write a number and a unit, such as "90 seconds" or "3 days", or a number of seconds.' },
  WH1005: { who: "author", title: "A schedule cannot be read", action: "Correct the expression; `windhover deployments inspect NAME` shows the next times." },
  WH1006: { who: "author", title: "A time zone is not known", action: "Use an IANA name such as Europe/Paris or America/Sao_Paulo." },
  WH1007: { who: "author", title: "Called outside a flow", action: "Call it in a flow's body; from a script use `connect()` and its client." },
  WH1008: { who: "author", title: "Called inside a task", action: "Call it in the flow's body and hand its result to the task." },
  WH1009: {
    who: "author",
    title: "A function option was given inside a flow",
    action: "Call `withOptions` with functions at module level, so that every process that loads the code knows them.",
  },
  WH1010: { who: "author", title: "Two calls have the same key", action: "Give each call of one task in one run a key of its own, or none." },
  WH1011: {
    who: "author",
    title: "A call was given a future that is not of its run",
    action: "Await it and hand over the value; what a promise of anything else promises is got in a task.",
  },
  WH1060: { who: "author", title: "A result had a secret in it", action: "Return something else, and load the block in the task that needs it." },
  WH1061: {
    who: "author",
    title: "A flow was called while its file was loaded",
    action: "Take the call out of the file (`windhover run FILE` makes it), or run the file as the program that it is: node FILE.",
  },
  WH1062: {
    who: "author",
    title: "Something failed that nobody waited for",
    action:
      "Await the promise, or catch its error: what nobody waits for ends the process. Its runs go on in the next one, and what ran in this one counts as crashed.",
  },
  WH1063: {
    who: "author",
    title: "A limit's key cannot be told",
    action: "Call the task once for each item, and await the calls with `Promise.all`; await what the key follows from before.",
  },
  // ---- the author: values
  WH1101: { who: "author", title: "Parameters do not fit the flow's schema", action: "Correct the value at the path that is named." },
  WH1102: {
    who: "author",
    title: "A value cannot be stored",
    action:
      "Return plain data: objects, arrays, strings, numbers, Dates, Maps, Sets, BigInts, typed arrays, Errors. Turn a class instance into an object first.",
  },
  WH1103: { who: "author", title: "A value refers to itself", action: "Break the cycle, for instance by ids instead of references." },
  WH1104: { who: "author", title: "A value is too large", action: "Store the data elsewhere (a file, a bucket, a table) and pass its address." },
  WH1105: {
    who: "author",
    title: "A task cannot be mapped over this",
    action: "Pass arrays (or futures of arrays) of one length, and wrap constants in `unmapped(…)`.",
  },
  WH1106: { who: "author", title: "An input does not fit its schema", action: "Send a value that fits; the wait goes on." },
  // ---- the author: determinism
  WH1201: {
    who: "author",
    title: "The flow's code does not match its log",
    action:
      "Run the old code to the end, or start the run again with `windhover runs rerun`. In a flow's body only tasks may read clocks, files or the network.",
  },
  WH1202: {
    who: "author",
    title: "A flow awaits something that is not durable",
    action: "Wrap it in a task: what a flow awaits has to be in the log, so that it is there after a crash.",
  },
  WH1203: { who: "author", title: "The network, a file or a timer was used in a flow's body", action: "Wrap it in a task, or use `sleep`." },
  WH1204: {
    who: "author",
    title: "A flow went on by something that is not durable",
    action: "Wrap what it waited for in a task: a call was made while no result was being delivered.",
  },
  WH1205: {
    who: "author",
    title: "A task whose result is not stored gave another result",
    action: "Remove `persistResult: false`, or make the task give the same result for the same input.",
  },
  // ---- the author: bounds
  WH1301: {
    who: "author",
    title: "A run makes too many calls",
    action: "Use `map` for many items, subflows for parts, or `continueAsNew` for loops without end.",
  },
  WH1302: { who: "author", title: "Flows are nested too deeply", action: "Check that the recursion ends; use a loop instead." },
  WH1306: { who: "author", title: "A map has too many items", action: "Map over chunks of items, or split the work into subflows." },
  WH1307: { who: "author", title: "Too many calls are open at once", action: "Use `map` with `mapConcurrency`." },
  WH1308: { who: "author", title: "A limit is asked for that is held around it", action: "Take the limit once, in the outermost block." },
  // ---- what a run's failure says
  WH1401: { who: "author", title: "A task or flow timed out", action: "Raise `timeoutSeconds`, or find out what it waits for: its abort signal has fired." },
  WH1402: { who: "author", title: "Cancelled", action: "Nothing: somebody asked for it." },
  WH1403: {
    who: "author",
    title: "The process that ran a task died, too often",
    action: "Look for what kills it (memory, process.exit, a native crash); then `windhover runs retry`.",
  },
  WH1404: {
    who: "author",
    title: "A call that this one depends on failed",
    action: "Mend the call that failed, whose error is the `cause`: `windhover runs inspect RUN` shows both.",
  },
  WH1405: { who: "author", title: "Items of a map failed", action: "See `states()` for each item; `toleratedFailures` allows for some." },
  WH1406: { who: "author", title: "A failure that nobody awaited", action: "Await every future, or catch its failure." },
  WH1407: {
    who: "author",
    title: "A subflow was cancelled",
    action: "`windhover runs inspect RUN` of the child, which the message names, says by whom; catch the error where the parent can go on without it.",
  },
  WH1408: {
    who: "author",
    title: "A run ends otherwise after a crash",
    action: "Make the tasks that run again give the same result, and let the flow's body decide by results alone.",
  },
  // ---- the operator
  WH2001: { who: "operator", title: "No such flow", action: "Check the name, and that the file that exports it is an entry." },
  WH2002: { who: "operator", title: "No such run", action: "`windhover runs ls` lists them." },
  WH2003: { who: "operator", title: "No such deployment", action: "`windhover deployments ls` lists them." },
  WH2004: { who: "operator", title: "The run has ended", action: "Use `retry` or `rerun` to run it again." },
  WH2005: { who: "operator", title: "No such parameter", action: "Use a parameter of the flow's schema." },
  WH2006: { who: "operator", title: "No such task in the run", action: "`windhover runs inspect` lists the run's calls." },
  WH2007: { who: "operator", title: "A command cannot be read", action: "See `windhover --help`." },
  WH2008: {
    who: "operator",
    title: "The run did not end well",
    action: "`windhover runs inspect RUN` shows what failed, `windhover runs logs RUN` what was logged; then `windhover runs retry RUN`.",
  },
  WH2009: { who: "operator", title: "An entry cannot be loaded", action: "Correct the file that is named; it has to export at least one flow." },
  WH2010: { who: "operator", title: "Settings cannot be used", action: "Correct the setting that is named (windhover.config.ts, the environment, or a flag)." },
  WH2011: { who: "operator", title: "No such limit", action: "`windhover limits ls` lists them; `windhover limits set NAME N` makes one." },
  WH2012: { who: "operator", title: "A limit cannot be granted", action: "Ask for fewer slots, or raise the limit." },
  WH2013: {
    who: "operator",
    title: "No such variable",
    action: "Set it with `windhover variables set NAME VALUE`, or give a fallback: `variable(NAME, FALLBACK)`.",
  },
  WH2014: { who: "operator", title: "No such schedule or trigger can be served here", action: "Deploy to AWS for this trigger, or start the run by hand." },
  WH2015: {
    who: "operator",
    title: "A cursor cannot be read",
    action: "Use the cursor of the page before, as it was given, or none to begin at the first page.",
  },
  WH2016: { who: "operator", title: "A block is not set or malformed", action: "Set it with `windhover block set TYPE/NAME`." },
  WH2017: { who: "operator", title: "A request cannot be read", action: "Send what /api/openapi.json describes." },
  WH2018: { who: "operator", title: "A request is refused", action: "Send the webhook's secret; call the API from its own address." },
  WH2019: { who: "operator", title: "No such address", action: "/api/openapi.json lists the addresses." },
  // ---- the operator: servers and stacks
  WH2030: {
    who: "operator",
    title: "The code cannot be bundled",
    action: "Correct the file that is named; what cannot be bundled is left out with `external` and brought by a layer.",
  },
  WH2031: { who: "operator", title: "A pool is not known or cannot be made", action: "Name it in `pools` of the construct, with settings that AWS knows." },
  WH2032: { who: "operator", title: "A schedule that EventBridge Scheduler cannot keep", action: "Write it as the message says, or as several schedules." },
  WH2033: {
    who: "operator",
    title: "A task may take longer than its pool allows",
    action: "Raise `timeoutSeconds` of the pool (at most 900), or run the task in a container pool.",
  },
  WH2034: { who: "operator", title: "A trigger cannot be served by this stack", action: "Correct the trigger's option that is named." },
  WH2035: { who: "operator", title: "The construct's properties cannot be used", action: "Correct the property that is named." },
  WH2050: {
    who: "operator",
    title: "The API key is missing or wrong",
    action: "Send the server's key: connect({ url, apiKey }), WINDHOVER_API_KEY, or Authorization: Bearer.",
  },
  WH2051: { who: "operator", title: "The server cannot be asked", action: "Check the address, and that `windhover dev` or the stack's API answers there." },
  WH2053: { who: "operator", title: "No such stack", action: "Check the name and the region, or deploy it: `windhover deploy --stack NAME`." },
  WH2054: {
    who: "operator",
    title: "The stack is none of Windhover's",
    action: "Name a stack that `windhover deploy`, or an app with the construct `Windhover`, has made.",
  },
  WH2056: { who: "operator", title: "The CDK is not installed", action: "Install it in the project: npm i -D aws-cdk@2 aws-cdk-lib@2 constructs@10" },
  WH2057: { who: "operator", title: "The account is not prepared for the CDK", action: "Prepare it once: npx cdk bootstrap aws://ACCOUNT/REGION" },
  WH2058: { who: "operator", title: "The deploy failed", action: "See what CloudFormation said above; it has rolled back, and what ran before goes on." },
  WH2059: { who: "operator", title: "There is no AWS region", action: "Name one: --region, AWS_REGION, or `region` of the stage in windhover.config.ts." },
  WH2060: { who: "operator", title: "A history cannot be read", action: "Give a file that `windhover runs export RUN` wrote." },
  WH2061: {
    who: "operator",
    title: "Open runs would break on the new code",
    action: "Keep the calls of open runs as they are, or let those runs end first; `windhover replay RUN` shows where they part.",
  },
  WH2063: { who: "operator", title: "The run has nothing to redrive", action: "Use `windhover runs retry` for a run that failed." },
  WH2064: { who: "operator", title: "The run has not started", action: "Wait for its start, or cancel it; a deployment's schedules can be paused." },
  // ---- the place where it runs
  WH3001: { who: "operator", title: "The database cannot be read", action: "Restore it from a copy, or move it away to start anew; nothing was changed." },
  WH3002: { who: "operator", title: "The database was written by a newer Windhover", action: "Update the package, or use another directory." },
  WH3003: { who: "operator", title: "The disk is full or cannot be written", action: "Free some room and start again: every acknowledged step is kept." },
  WH3004: { who: "operator", title: "The port is in use", action: "Choose another with --port, or stop the process that has it." },
  WH3005: { who: "operator", title: "A log has a gap", action: "Restore the database: entries are missing, and a run is never replayed over a gap." },
  WH3006: { who: "operator", title: "A log entry was written by a newer Windhover", action: "Update the package; the entry is left as it is." },
  WH3007: { who: "operator", title: "A stored result is missing", action: "Restore the result store; the run waits." },
  WH3008: { who: "operator", title: "The backend was closed", action: "Connect again." },
  WH3009: {
    who: "operator",
    title: "The database was taken away while it was in use",
    action: "Start again: what lies there now is opened, or made anew. Stop what serves a directory before you delete, move or restore it.",
  },
  // ---- AWS
  WH3101: { who: "operator", title: "The stack's description cannot be read", action: "Deploy the stack again with this version of the package." },
  WH3102: {
    who: "operator",
    title: "AWS knows no valid credentials or region",
    action: "Sign in (`aws sso login`), or set AWS_PROFILE and AWS_REGION; `aws sts get-caller-identity` shows who you are.",
  },
  WH3103: { who: "operator", title: "AWS denies access", action: "Give the role or user the policy that the stack offers for this (viewer, operator, admin)." },
  WH3104: { who: "operator", title: "A resource of the stack is missing", action: "Deploy the stack again, and check the account and the region." },
  WH3105: {
    who: "operator",
    title: "AWS throttles for long",
    action: "Wait, or raise the quota that the message names; what was asked for is tried again by itself in a run.",
  },
  WH3106: {
    who: "operator",
    title: "AWS cannot be reached",
    action: "Check the network, the region and AWS_ENDPOINT_URL; what was asked for is tried again by itself in a run.",
  },
  WH3107: { who: "operator", title: "AWS refuses a request", action: "The message says why; if it is none of your settings, please report it." },
  WH3110: {
    who: "operator",
    title: "A message in a queue is not ours",
    action: "Find out who sends to the stack's queues; events and schedules of your own belong in a deployment's triggers.",
  },
  WH3111: {
    who: "operator",
    title: "The stack has no such pool",
    action: "Name a pool of the stack in the task's options, or add it to the stack and deploy.",
  },
  WH3112: {
    who: "operator",
    title: "A container cannot be started",
    action: "Put right what AWS names as its reason, often the pool's subnets, its image, or the account's Fargate quota. The turn is taken again by itself.",
  },
  WH3120: {
    who: "operator",
    title: "A task outlived its process",
    action: "Give the task a pool with a longer timeout or with containers, or split it into smaller tasks.",
  },
  WH3121: {
    who: "operator",
    title: "The build that a run belongs to is gone",
    action: "Run it again on today's code with `windhover runs retry`, which takes over what has completed.",
  },
  WH3122: {
    who: "operator",
    title: "An older build did not take its run's turn",
    action: "Put right what the message says, or what the log of the version that it names says. The turn is taken again by itself.",
  },
  WH3135: {
    who: "operator",
    title: "An older build's container did not do its work",
    action: "See the pool's log lines of that time: the tasks count as crashed, and are sent again within their `crashRetries`.",
  },
  WH4030: {
    who: "operator",
    title: "This Node is too old",
    action: "Install Node 20 or newer (https://nodejs.org), or let a version manager choose it: nvm install 22.",
  },
  WH4031: {
    who: "operator",
    title: "The CDK's command and library do not fit each other",
    action: "Install both anew, in the project: npm i -D aws-cdk@2 aws-cdk-lib@2 constructs@10",
  },
  // ---- us
  WH9001: {
    who: "us",
    title: "Windhover broke a rule of its own",
    action: "Please report it with the message and the run's history (`windhover runs inspect --json`).",
  },
} as const satisfies Record<`WH${number}`, Row>;

export type ErrorCode = keyof typeof ERRORS;

export interface ErrorDetails {
  /** One sentence: what happened, with the names and values of this case. */
  readonly message: string;
  readonly expected?: string;
  readonly got?: string;
  /** Overrides the table's advice where a better one is known. */
  readonly action?: string;
  readonly cause?: unknown;
}

/** The one class that Windhover throws. `code` names a row of the table and a page of the docs. */
export class WindhoverError extends Error {
  override readonly name = "WindhoverError";
  readonly code: ErrorCode;
  readonly expected?: string;
  readonly got?: string;
  /** What to do. */
  readonly action: string;
  /** Where to read more. */
  readonly docs: string;
  constructor(code: ErrorCode, details: ErrorDetails) {
    super(`${code}: ${details.message}`, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    if (details.expected !== undefined) this.expected = details.expected;
    if (details.got !== undefined) this.got = details.got;
    this.action = details.action ?? ERRORS[code].action;
    this.docs = `docs/errors/${code}.md`;
  }
}

/** For our own invariants: outside input is refused with a code of its own, never asserted. */
export function assert(condition: unknown, rule: string): asserts condition {
  if (!condition) throw new WindhoverError("WH9001", { message: rule });
}

/** Known by symbols, because a bundle may bring a second copy of these classes. */
const FAIL_NOW = Symbol.for("windhover.fail-now");
const RETRY_AFTER = Symbol.for("windhover.retry-after");
/** What was thrown may be a Proxy, which throws when it is asked. */
export function isMarked(value: unknown, mark: symbol): boolean {
  try {
    return typeof value === "object" && value !== null && mark in value;
  } catch {
    return false;
  }
}
export const isFailNow = (error: unknown): error is FailNow => isMarked(error, FAIL_NOW);
export const isRetryAfter = (error: unknown): error is RetryAfter => isMarked(error, RETRY_AFTER);

/** Thrown by a task: do not try again, whatever `retries` says. */
export class FailNow extends Error {
  override readonly name = "FailNow";
  get [FAIL_NOW](): true {
    return true;
  }
}

/** Thrown by a task: try again (within `retries`) after this long instead of the policy's delay. */
export class RetryAfter extends Error {
  override readonly name = "RetryAfter";
  readonly delayMs: number;
  get [RETRY_AFTER](): true {
    return true;
  }
  constructor(after: string | number, message?: string) {
    super(message ?? `try again after ${typeof after === "number" ? `${after} seconds` : after}`);
    this.delayMs = durationMs(after);
  }
}

/** A flow's pending awaits reject with this when its run is cancelled; code that catches it can clean up. */
export class Cancelled extends WindhoverError {
  constructor(message = "The run was cancelled.") {
    super("WH1402", { message });
  }
}

const UNITS: Readonly<Record<string, number>> = { second: 1e3, minute: 6e4, hour: 36e5, day: 864e5 };

/**
 * Milliseconds of a duration such as `"90 seconds"`, or of a number of seconds.
 * @throws WH1004 when it cannot be read, is negative, or is longer than a year.
 * @example durationMs("3 days") // 259200000
 */
export function durationMs(duration: string | number): number {
  const match = typeof duration === "number" ? null : /^\s*(\d+(?:\.\d+)?)\s*(second|minute|hour|day)s?\s*$/.exec(duration);
  const ms = typeof duration === "number" ? duration * 1e3 : match ? Number(match[1]) * (UNITS[match[2] as string] as number) : Number.NaN;
  if (!Number.isFinite(ms) || ms < 0 || ms > 366 * 864e5)
    throw new WindhoverError("WH1004", {
      message: `${JSON.stringify(duration)} is not a duration.`,
      expected: 'a number and "seconds", "minutes", "hours" or "days", at most 366 days',
      got: JSON.stringify(duration) ?? String(duration),
    });
  return Math.round(ms);
}
