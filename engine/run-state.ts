/** What a run's log folds to: enough to decide what any message means without reading the log or running the author's code. It stands in every entry, so defaults are left out. */
import type { CallKind, CallRole, FinalType, FlowOverrides, LimitWanted, Payload, Piece, StateRow } from "./events.ts";
import type { BufferedInput, Held, Starter } from "./messages.ts";

export interface RunState {
  readonly kind: "run";
  flow: string;
  name: string;
  row: StateRow;
  createdAt: number;
  startedAt?: number;
  scheduledTime?: number;
  deployment?: string;
  version?: string;
  /** The build of the code that it runs on: where a later one is deployed, its messages are handed on to this one (rule 34). */
  build?: string;
  tags?: readonly string[];
  starter?: Starter;
  depth?: number;
  origin?: string;
  /** Limits that ancestors hold. */
  heldAbove?: readonly string[];
  /** How often the flow's function has begun. */
  attempt: number;
  overrides?: FlowOverrides;
  /** Calls made so far. */
  calls: number;
  open: Record<string, OpenCall>;
  /** Slots that this run holds, by request. */
  held?: Record<string, Held>;
  /** Inputs that nobody has waited for yet, and the request ids of all that came. */
  inputs?: BufferedInput[];
  seen?: string[];
  paused?: true;
  /** How often it went on after a pause: names the mark of the next one. */
  resumes?: number;
  /** Settled while paused: delivered after `resume`, in this order. */
  late?: string[];
  cancel?: { readonly request: string; readonly why?: string; readonly timedOut?: true; readonly calls: number };
  /** The flow's function has ended like this, and what it started may still be open. */
  returned?: { readonly ok: boolean; readonly value?: Payload; readonly error?: Payload };
  /** Its final state is known; hooks are still running. */
  ending?: { readonly state: FinalType; readonly name: string; readonly value?: Payload; readonly error?: Payload };
  /** The flow failed and begins again when this timer fires. */
  retryTimer?: string;
  timeoutTimer?: string;
  /** Unit: milliseconds since 1970. */
  timeoutAt?: number;
  /** An inline task once took longer than LIMITS.inlineMs: from then on tasks go to the queue. */
  slow?: true;
  /** The final result, so that whoever asks need not read the log. */
  result?: Payload;
  error?: Payload;
  continuedAs?: string;
}

export interface OpenCall {
  /** `task` when left out. */
  readonly kind?: CallKind;
  readonly name: string;
  /** The flow's code looks at its outcome: a settlement lets it run. */
  awaited?: 1;
  /** Current attempt, from 1; 0 or absent before the first. */
  attempt?: number;
  failures?: number;
  crashes?: number;
  /** A process died with it: it is never packed with others again, and never run inline. */
  suspect?: 1;
  /** Calls that it waits for before it can start. */
  needs?: string[];
  /** Sleeping until its retry, its own end or its timeout. */
  timer?: string;
  /** Limits still to take, the first being asked for under `request`. */
  wants?: readonly LimitWanted[];
  request?: string;
  /** Requests that its present attempt holds. */
  holds?: string[];
  /** How often it gave slots back without having used them: it asks anew, under another request, so that an old grant is not taken for the new one (rule 2). */
  gaveBack?: number;
  /** Why it does not run, where the rest does not say it; since when. */
  waits?: "slot" | "retry" | "pause";
  since?: number;
  readonly retries?: number;
  readonly crashRetries?: number;
  readonly timeoutSeconds?: number;
  readonly pool?: string;
  readonly limits?: readonly LimitWanted[];
  /** Limits whose blocks are around it. */
  readonly within?: readonly string[];
  readonly role?: CallRole;
  readonly hooks?: Readonly<Record<string, number>>;
  readonly child?: string;
  readonly input?: string;
  readonly until?: number;
  map?: MapProgress;
}

export interface MapProgress {
  /** Absent until the arrays that it maps over are there. */
  total?: number;
  readonly chunk: number;
  /** The first item that has not been handed out; a map that follows another is handed its pieces instead. */
  next: number;
  readonly follows?: string;
  done: number;
  failed: number;
  pieces: number;
  open: OpenPiece[];
  waiting?: Piece[];
  readonly atOnce?: number;
  readonly tolerated?: number;
  /** More failed than is tolerated: nothing new starts. */
  stopped?: true;
}

export interface OpenPiece extends Piece {
  readonly failures?: number;
  readonly crashes?: number;
  /** Its one item was in a process that died: from then on it is never packed with others, so that it is known who is to blame. */
  readonly suspect?: 1;
  /** Waits for its retry. */
  timer?: string;
  request?: string;
  holds?: readonly string[];
}
