/** Somebody for a pool of containers: a Fargate task is started while fewer run than may. It ends by itself when it finds nothing more to do. */
import type { Failure } from "@aws-sdk/client-ecs";
import { WindhoverError } from "../../engine/errors.ts";
import { failure } from "./failure.ts";
import type { Parts } from "./parts.ts";
import type { ContainerResource } from "./stack.ts";
import { patiently } from "./throttling.ts";

/** What ECS starts in one request. */
const MOST = 10;
/** What ECS lists in one request. */
const PAGE = 100;
// Taken at load: a flow's body has deterministic timers of its own.
const immediate = setImmediate;

export interface Containers {
  /**
   * Sees to it that somebody runs, or will: those who ask in one tick share the question, and as many are started as asked, within the pool's `concurrency`.
   * @throws WH3112 when none runs and none can be started.
   */
  start(pool: string, container: ContainerResource): Promise<void>;
}

export function createContainers({ stack, clients, clock, random }: Pick<Parts, "stack" | "clients" | "clock" | "random">): Containers {
  const asked = new Map<string, { count: number; readonly done: Promise<void> }>();
  const calm = { clock, random };

  const running = async ({ cluster, taskDefinition, concurrency }: ContainerResource): Promise<number> => {
    // Tasks that are to run, begun or not. The family is the definition's name without its revision.
    const family = (taskDefinition.split("/").at(-1) as string).replace(/:\d+$/, "");
    const { ListTasksCommand } = await import("./late/ecs.ts");
    let count = 0;
    let nextToken: string | undefined;
    do {
      const command = new ListTasksCommand({ cluster, family, desiredStatus: "RUNNING", maxResults: Math.min(PAGE, concurrency), nextToken });
      const page = await patiently(calm, () => clients.ecs.send(command)).catch((error: unknown) => {
        throw failure(error, `looking for containers in ${cluster}`);
      });
      count += page.taskArns?.length ?? 0;
      ({ nextToken } = page);
    } while (nextToken !== undefined && count < concurrency);
    return count;
  };

  const ensure = async (pool: string, container: ContainerResource, wanted: number): Promise<void> => {
    const { cluster, taskDefinition, subnets, securityGroups, concurrency, publicAddress = true } = container;
    const before = await running(container);
    const missing = Math.min(wanted, concurrency - before, MOST);
    if (missing <= 0) return;
    const { RunTaskCommand } = await import("./late/ecs.ts");
    const command = new RunTaskCommand({
      cluster,
      taskDefinition,
      count: missing,
      launchType: "FARGATE",
      startedBy: `windhover-${stack.stack}`.slice(0, 36),
      // Without a NAT gateway, which costs money while idle, a public address is how it reaches AWS.
      networkConfiguration: {
        awsvpcConfiguration: { subnets: [...subnets], securityGroups: [...securityGroups], assignPublicIp: publicAddress ? "ENABLED" : "DISABLED" },
      },
    });
    const refused = await patiently(calm, () => clients.ecs.send(command)).then(
      ({ tasks = [], failures = [] }) => (tasks.length > 0 ? undefined : reasonOf(failures)),
      (error: Error) => error.message,
    );
    // Those who run will come to it, only later.
    if (refused === undefined || before > 0) return;
    throw new WindhoverError("WH3112", {
      message: `No container of the pool "${pool}" runs, and none could be started: ${refused}`,
      expected: `a Fargate task of ${taskDefinition}`,
      got: refused,
    });
  };

  return {
    start(pool, container) {
      const known = asked.get(pool);
      if (known) {
        known.count += 1;
        return known.done;
      }
      const done = new Promise<void>((resolve) => immediate(resolve)).then(() => {
        const wanted = asked.get(pool)?.count ?? 1;
        asked.delete(pool);
        return ensure(pool, container, wanted);
      });
      asked.set(pool, { count: 1, done });
      return done;
    },
  };
}

const reasonOf = (failures: readonly Failure[]): string =>
  failures.map(({ reason, detail }) => [reason, detail].filter(Boolean).join(": ")).join("; ") || "no reason given";
