/** Rule 34: a run stays on the build that it started with. Where several are deployed at once, its messages are handed on to that one. */
import type { Entry } from "./events.ts";
import type { Host } from "./host.ts";
import type { Delivery } from "./messages.ts";

/** Has the run's own build take what is its, and gives back what moves the run to this build. Nothing where all is for this build, as in nearly every turn. */
export function handOn(host: Host, actor: string, tail: Entry | null, deliveries: readonly Delivery[]): Promise<readonly Delivery[]> | undefined {
  const build = buildOf(tail, deliveries);
  if (!host.handOn || build === undefined || build === host.build) return undefined;
  const moves = deliveries.filter(({ message }) => message.kind === "migrate");
  const others = deliveries.filter((delivery) => !moves.includes(delivery));
  // First what came with it: a turn of the old build that died is known by the last entry alone.
  return others.length > 0 ? host.handOn(build, actor, others).then(() => moves) : undefined;
}

/** The build that the actor's turns belong to: what its log says, or, before there is one, what its start asks for. */
function buildOf(tail: Entry | null, deliveries: readonly Delivery[]): string | undefined {
  if (tail) return tail.state.kind === "run" ? tail.state.build : undefined;
  for (const { message } of deliveries) if (message.kind === "start") return message.build;
  return undefined;
}
