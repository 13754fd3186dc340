/** One open call, as the events of its run's log tell of it. See `fold.ts`. */
import type { CallKind, CallRole, LimitWanted, RunEvent } from "../../engine/events.ts";
import { itemOf } from "../../engine/needs.ts";
import { sizeOf } from "../../engine/piece.ts";
import type { RunFold } from "./fold.ts";

export type Called = Extract<RunEvent, { type: "called" }>;
type Of<T extends RunEvent["type"]> = Extract<RunEvent, { type: T }>;

/** `launching`: it goes out with the entry in which it became ready. `waiting`: for a time, an input, a resume, a child. */
export type Phase = "needs" | "launching" | "slot" | "running" | "retry" | "paused" | "waiting";

export class CallFold {
  readonly id: string;
  readonly kind: CallKind;
  readonly role: CallRole | undefined;
  readonly input: string | undefined;
  phase: Phase = "needs";
  needs: string[] = [];
  attempt = 0;
  failures = 0;
  deaths = 0;
  timer: string | undefined;
  wants: readonly LimitWanted[] = [];
  request: string | undefined;
  holds: string[] = [];
  gaveBack = 0;
  /** A map's: what its items came to, and which of its pieces are out. */
  done = 0;
  lost = 0;
  readonly pieces = new Set<number>();
  /** Which of its items have ended, and whether they completed. */
  readonly ended = new Map<number, boolean>();
  readonly #called: Called;

  constructor(called: Called, n: number, at: number) {
    this.id = called.call;
    this.kind = called.kind;
    this.role = called.role;
    this.input = called.input;
    this.#called = called;
    const { until, kind } = called;
    if (until !== undefined && (kind !== "sleep" || until > at)) this.timer = `${this.id}@${n}`;
  }

  /** The flow's code has made it. */
  begin(run: RunFold): void {
    const { kind, deps = [], after = [], limit } = this.#called;
    if (kind === "acquire") {
      this.wants = limit ? [limit] : [];
      return this.#ask(run);
    }
    if (!WORK.has(kind)) {
      this.phase = "waiting";
      return;
    }
    this.needs = [...new Set([...deps, ...after])].filter((need) => run.isOpen(need));
    if (this.needs.length === 0) this.ready(run);
  }
  needMet(run: RunFold, id: string, ok: boolean): void {
    if (this.phase !== "needs" || !this.needs.includes(id)) return;
    // What depends on a failure fails with the next event.
    this.needs = ok ? this.needs.filter((need) => need !== id) : [];
    if (ok && this.needs.length === 0) this.ready(run);
  }
  /** Items of a map ended: all of those that it needs are met before it goes on, and one that failed is enough for it to fail. */
  itemsMet(run: RunFold, { id, ended }: CallFold): void {
    const told = this.needs.flatMap((need) => {
      const ok = ended.get(itemOf(need, (call) => call === id)?.index ?? -1);
      return ok === undefined ? [] : [{ need, ok }];
    });
    const lost = told.find(({ ok }) => !ok);
    if (lost) this.needMet(run, lost.need, false);
    else for (const { need } of told) this.needMet(run, need, true);
  }

  /** All that it waited for is there. */
  ready(run: RunFold): void {
    this.timer = undefined;
    if (this.kind === "map") this.phase = "running";
    else if (run.paused) this.phase = "paused";
    else if (this.kind === "flow") {
      this.attempt = 1;
      this.phase = "waiting";
    } else {
      this.wants = this.#called.limits ?? [];
      this.#ask(run);
    }
  }
  #ask(run: RunFold): void {
    const [wanted] = this.wants;
    this.phase = wanted ? "slot" : this.kind === "acquire" ? "waiting" : "launching";
    if (wanted) this.request = `${run.id}/${this.id}#${this.attempt + 1}${this.gaveBack ? `.${this.gaveBack}` : ""}@${wanted.name}`;
  }
  granted(run: RunFold, { request, fence }: Of<"granted">): void {
    if (this.wants[0]?.rate !== true) run.held.set(request, fence);
    if (this.kind === "map") return this.#grantedPiece(run, request);
    if (request !== this.request) run.problems.push(`${this.id} got the slot ${request}, and had asked for ${this.request}`);
    this.holds.push(request);
    this.wants = this.wants.slice(1);
    this.#ask(run);
  }
  /** A paused run starts nothing: what has all its slots gives them back, for a piece to be asked for under another number. */
  #grantedPiece(run: RunFold, request: string): void {
    const prefix = request.slice(0, request.indexOf("@") + 1);
    const holds = [...run.held.keys()].filter((key) => key.startsWith(prefix)).length;
    if (run.paused && holds === (this.#called.limits?.length ?? 0)) this.#releasePiece(run, prefix);
  }
  giveBack(run: RunFold): void {
    if (this.holds.length > 0) this.gaveBack++;
    this.#release(run);
    this.phase = "paused";
  }

  attempted({ attempt, piece }: Of<"attempted">): void {
    if (piece) {
      this.pieces.add(piece.id);
      return;
    }
    this.attempt = attempt;
    this.phase = "running";
  }
  failed(run: RunFold, { crashed, retryAt, piece }: Of<"failed">, n: number): void {
    if (piece !== undefined) return this.#pieceOver(run, piece);
    if (crashed) this.deaths++;
    else this.failures++;
    this.#release(run);
    if (retryAt === undefined) return this.ready(run);
    this.phase = "retry";
    this.timer = `${this.id}@${n}`;
  }
  woken(run: RunFold, timer: string): void {
    if (this.kind === "map") return;
    if (timer !== this.timer) run.problems.push(`${this.id} was woken by ${timer}, and waited for ${this.timer}`);
    this.ready(run);
  }
  items(run: RunFold, { piece, failed = [], again = [] }: Of<"items">): void {
    const all = piece.only ?? Array.from({ length: piece.to - piece.from }, (_, i) => piece.from + i);
    for (const index of all) if (!again.includes(index)) this.ended.set(index, !failed.some((one) => one.index === index));
    this.lost += failed.length;
    this.done += sizeOf(piece) - failed.length - again.length;
    this.#pieceOver(run, piece.id);
  }

  /** It has settled. What a `concurrency()` holds it holds on. */
  over(run: RunFold): void {
    if (this.kind === "acquire") return;
    this.#release(run);
    if (this.kind === "map") this.#releasePiece(run, `${run.id}/${this.id}#p`);
  }
  /** The run is being cancelled: pieces that do not run give back what they hold. */
  cancelPieces(run: RunFold): void {
    if (this.kind !== "map") return;
    for (const request of [...run.held.keys()]) {
      const piece = this.#pieceOf(run, request);
      if (piece !== undefined && !this.pieces.has(piece)) run.held.delete(request);
    }
  }
  #pieceOver(run: RunFold, piece: number): void {
    this.pieces.delete(piece);
    this.#releasePiece(run, `${run.id}/${this.id}#p${piece}@`);
  }
  #pieceOf(run: RunFold, request: string): number | undefined {
    const prefix = `${run.id}/${this.id}#p`;
    return request.startsWith(prefix) ? Number.parseInt(request.slice(prefix.length), 10) : undefined;
  }
  #releasePiece(run: RunFold, prefix: string): void {
    for (const request of [...run.held.keys()]) if (request.startsWith(prefix)) run.held.delete(request);
  }
  #release(run: RunFold): void {
    for (const request of this.holds) run.held.delete(request);
    this.holds = [];
  }
}

const WORK: ReadonlySet<CallKind> = new Set(["task", "builtin", "map", "flow"]);
