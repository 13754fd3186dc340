/**
 * Attempts that must not run twice are claimed before they run: those that may run at most once, and those that somebody counts, because they hold a slot. A message may have been
 * sent twice (a turn that died after its sends sends again, a send whose answer was lost is sent again), so not the message but the claim says whether an attempt has begun.
 *
 * A claim names its sending, and how often that was received. So whoever comes upon another's claim knows what to say:
 * - It is of the same sending, received before: whoever received it died, or is taken for dead. That is a crash.
 * - It is of the same sending, received no earlier than now: nothing, and the message is not ours to delete. If its claimer dies, it comes again.
 * - It is of a sending that an executor deleted and sent again as this one: nobody else may be left to say so. That is a crash.
 * - It is of any other sending: nothing. Whoever has that one, or what it was sent again as, says what became of the attempt.
 */
import type { Ports, TaskDelivery, TaskItem, TaskMessage } from "./ports.ts";
import type { RunDraft } from "./run-draft.ts";
import type { OpenCall } from "./run-state.ts";

/** Whether the call's attempts have to be claimed: decided by the run, and said in the task message. */
export function mustClaim({ state }: RunDraft, { crashRetries, limits }: OpenCall): boolean {
  if (crashRetries === 0 || limits?.length || state.heldAbove?.length) return true;
  // What runs inside of `concurrency()` runs in the slot that its flow holds.
  return state.held !== undefined && Object.values(state.held).some(({ block }) => block);
}

export const needsClaims = ({ tasks }: TaskMessage): boolean => tasks.some(({ claim }) => claim);

/** What is to become of the attempts of a message that was received. Those that another sending has claimed are in neither list. */
export interface Claimed {
  readonly run: readonly TaskItem[];
  /** They have begun before, in a process that died. */
  readonly crashed: readonly TaskItem[];
  /** Somebody else has this very message in hand: it is not to be deleted. */
  readonly leave: boolean;
}

/** Claims what has to be claimed. What has not is run when it was received for the first time, and is a crash when it was received before (rules 13 and 30). */
export async function claimTasks(
  { claims, random }: Pick<Ports, "claims" | "random">,
  { physical, receives, message }: Pick<TaskDelivery, "physical" | "receives" | "message">,
): Promise<Claimed> {
  const { actor, tasks } = message;
  if (!needsClaims(message)) return { run: receives > 1 ? [] : tasks, crashed: receives > 1 ? tasks : [], leave: false };
  const own: Claim = { nonce: random.id(), physical, receives };
  const fates = await Promise.all(
    tasks.map(async (item): Promise<Fate> => {
      if (!item.claim) return receives > 1 ? "crashed" : "run";
      return fateOf(own, JSON.parse(await claims.take(actor, keyOf(item), JSON.stringify(own))) as Claim, message);
    }),
  );
  const those = (wanted: Fate): readonly TaskItem[] => tasks.filter((_, i) => fates[i] === wanted);
  return { run: those("run"), crashed: those("crashed"), leave: fates.includes("leave") };
}

/** For those who run nothing: what nobody has begun is theirs, so that nobody ever will, and has crashed like the rest. */
export async function buryTasks(ports: Pick<Ports, "claims" | "random">, delivery: Pick<TaskDelivery, "physical" | "message">): Promise<readonly TaskItem[]> {
  const { run, crashed } = await claimTasks(ports, { ...delivery, receives: Number.MAX_SAFE_INTEGER });
  return [...run, ...crashed];
}

type Fate = "run" | "crashed" | "drop" | "leave";

interface Claim {
  /** Who it is: a put whose answer was lost finds its own when it is put again. */
  readonly nonce: string;
  /** The sending, as a queue names it. */
  readonly physical: string;
  readonly receives: number;
}

function fateOf(own: Claim, stands: Claim, { earlier = [] }: TaskMessage): Fate {
  if (stands.nonce === own.nonce) return "run";
  if (stands.physical !== own.physical) return earlier.includes(stands.physical) ? "crashed" : "drop";
  return own.receives > stands.receives ? "crashed" : "leave";
}

const keyOf = ({ call, attempt, piece }: TaskItem): string => `${call}#${attempt}${piece ? `/${piece.id}` : ""}`;
