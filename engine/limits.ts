/**
 * The bounds of what runs are and do, in one place. Each is checked where the value comes in, with the error code that stands beside it. What only shapes how something is told,
 * or how much is kept at hand to save work, stands where it is used.
 */
export const LIMITS = {
  /** WH1001. Unit: characters. */
  nameLength: 100,
  /** WH1003: the type of an event that is emitted; EventBridge takes no longer one. Unit: characters. */
  eventTypeLength: 128,
  /** WH1301: calls that one run makes; a map is one call. */
  callsPerRun: 50_000,
  /** WH1307: calls of one run that are open at once. */
  openCalls: 10_000,
  /** WH1306: items of one map. */
  mapItems: 2_000_000,
  /** WH1302: flows within flows. */
  depth: 32,
  /** WH1104: one value, encoded. Unit: characters. */
  valueChars: 64 * 1024 * 1024,
  /** WH1104: objects within objects of one value. */
  valueDepth: 1000,
  /** Beyond this a value goes to the result store and the log holds its key. Unit: characters. */
  inlineChars: 4096,
  /** Beyond this a start's parameters go to the result store before they are sent. Unit: characters. */
  sentChars: 64 * 1024,
  /** Calls that a run may still start while it is being cancelled, for its `finally` blocks and rollbacks. */
  cleanupCalls: 100,
  /** Items of one map that are handed out at once, unless it says otherwise: native memory stays bounded. */
  itemsInFlight: 50_000,
  /** Items in one task message, at most; a larger piece travels alone. */
  packedItems: 1000,
  /** Chunks that a map is cut into, at most. */
  mapChunks: 1000,
  /** A turn's task messages carry at most so many tasks. */
  packedTasks: 100,
  /** Reports of ended tasks in one message to a run, at most. */
  reportsPerMessage: 500,
  /** Items of one piece of a map that run side by side. */
  itemsAtOnce: 50,
  /** Flows that a process keeps in memory between their turns. */
  warmRuns: 2000,
  /** Open runs of which a process remembers what it has told. */
  toldRuns: 10_000,
  /** Runs that a client knows to be on their way although nothing is written of them yet. */
  startsRemembered: 10_000,
  /** Retries of one call. WH1003 */
  retries: 1000,
  /** Retries of a hook. */
  hookRetries: 3,
  /** How often a task may run again because its process died, unless it says otherwise (rule 30). */
  crashRetries: 3,
  /** A task that once took longer than this in a run goes to the queue from then on. Unit: milliseconds. */
  inlineMs: 60_000,
  /** How long a row of the runs table may be held back while a turn goes on. Unit: milliseconds. */
  lateRowMs: 2000,
  /** A task of which the others of its name took longer than this on average travels alone, so that it has a process of its own. Unit: milliseconds. */
  packedMs: 1000,
  /** With less time than this left, an executor begins no further item of a map. Unit: milliseconds. */
  lastItemMs: 10_000,
  /** A turn that has gone on for longer looks again which limits are set. Unit: milliseconds. */
  limitsKnownMs: 5000,
  /** A message received more often than this without a turn that ended is a dead letter (rule 22). */
  receives: 10,
  /** The same where what an earlier process died with is taken alone, and before anything else begins: a death is its own then, or very likely so. */
  receivesAlone: 5,
  /** Ids of inputs, pauses and resumes that a run keeps, to know one that comes twice. */
  requestsRemembered: 1000,
  /** Ended runs that a deployment keeps, to know a trigger that comes late. */
  runsRemembered: 100,
  /** Requests that a limit keeps, to know one that comes again when it is over. */
  requestsOver: 32,
  /** A limit asks its holder again after this. Unit: milliseconds. */
  leaseMs: 5 * 60_000,
  /** Runs that one catch-up starts, at most. */
  catchUpRuns: 1000,
  /** WH1005: what COUNT may be in a recurrence rule. */
  ruleCount: 10_000,
  /** WH1005: days that are looked at for the next time of a rule. */
  ruleDays: 30_000,
} as const;
