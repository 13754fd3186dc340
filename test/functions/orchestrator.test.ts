import { PutObjectCommand } from "@aws-sdk/client-s3";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import * as z from "zod";
import { decode } from "../../engine/codec.ts";
import type { WindhoverError } from "../../engine/errors.ts";
import type { RunMessage } from "../../engine/messages.ts";
import { shared } from "../../engine/scope.ts";
import { backoffSeconds, wavesOf } from "../../functions/actor-batch.ts";
import { orchestratorOf } from "../../functions/orchestrator.ts";
import { flow, runInput, task, waitForInput } from "../../sdk/index.ts";
import { beforeCall, failures, letter, record, start, TIME, World } from "./world.ts";

beforeEach(() => void vi.spyOn(process.stdout, "write").mockReturnValue(true));
afterEach(() => {
  vi.restoreAllMocks();
  shared.code.clear();
});

const Answer = runInput({ name: "answer", schema: z.string() });
const quick = () => flow({ name: "quick" }, async () => "done");
const patient = () => flow({ name: "patient" }, async () => waitForInput(Answer));

describe("the order of a batch's actors", () => {
  const got = (actor: string, receives = 1) => ({ actor, receives });
  const names = (items: Parameters<typeof wavesOf>[0]) => wavesOf(items).map((wave) => wave.map(({ actor }) => actor));

  test("limits and deployments go first, runs follow side by side", () => {
    expect(names([got("run:a"), got("limit:l"), got("run:b"), got("deployment:d"), got("run:a")])).toEqual([
      ["limit:l", "deployment:d"],
      ["run:a", "run:b"],
    ]);
  });

  test("whoever was there when a process died comes last, alone, and takes nobody with it", () => {
    expect(names([got("run:a"), got("run:b", 3), got("run:c"), got("limit:l", 2), got("run:a", 2), got("limit:m")])).toEqual([
      ["limit:m"],
      ["run:c"],
      ["limit:l"],
      ["run:a"],
      ["run:b"],
    ]);
  });

  test("an actor's messages keep their order", () => {
    const items = [1, 2, 3].map((n) => ({ actor: "run:a", receives: 1, n }));
    expect(wavesOf([items[0]!, { actor: "run:b", receives: 1, n: 9 }, items[1]!, items[2]!])[0]?.[0]?.items).toEqual(items);
  });

  test("a failed turn comes again soon, then later and later, and never after more than a quarter of an hour", () => {
    expect([1, 2, 3, 10, 20].map(backoffSeconds)).toEqual([1, 2, 4, 512, 900]);
  });
});

describe("a batch", () => {
  test("of one actor, received for the first time, is deleted by the mapping alone", async () => {
    quick();
    const world = new World();
    const answer = await world.orchestrator({ Records: [letter("run:a", start("a", "quick"), { id: "m1" })] }, TIME);
    expect(answer).toEqual({ batchItemFailures: [] });
    expect(world.deleted()).toEqual([]);
    expect((await world.state("a")).row.type).toBe("COMPLETED");
  });

  test("for a flow that the build does not have ends the run at once, and says so", async () => {
    const world = new World();
    const answer = await world.orchestrator({ Records: [letter("run:a", start("a", "nowhere"), { id: "m1" })] }, TIME);
    expect(answer).toEqual({ batchItemFailures: [] });
    const { row } = await world.state("a");
    expect(row.type).toBe("CRASHED");
    expect(row.message).toMatch(/WH2001.*nowhere/);
  });

  test("of several actors deletes each one's messages as its turn ends; one that fails gives back all of its own, and no other's", async () => {
    quick();
    const world = new World({
      ports: beforeCall("log", "append", (entry) => {
        if ((entry as { actor: string }).actor === "run:b") throw new Error("the table does not answer");
      }),
    });
    const answer = await world.orchestrator(
      {
        Records: [
          letter("run:a", start("a", "quick"), { id: "a1" }),
          letter("run:b", start("b", "quick"), { id: "b1" }),
          letter("run:c", start("c", "quick"), { id: "c1" }),
          letter("run:b", { kind: "pause", id: "p" }, { id: "b2" }),
        ],
      },
      TIME,
    );
    expect(failures(answer)).toEqual(new Set(["b1", "b2"]));
    expect([...world.deleted()].sort()).toEqual(["receipt-of-a1", "receipt-of-c1"]);
    expect(world.hidden()).toEqual({ "receipt-of-b1": 1, "receipt-of-b2": 1 });
    expect((await world.state("c")).row.type).toBe("COMPLETED");
  });

  test("with a message received before is held from the beginning, and deleted as its turn ends", async () => {
    quick();
    const world = new World();
    await world.orchestrator({ Records: [letter("run:a", start("a", "quick"), { id: "m1", receives: 2 })] }, TIME);
    expect(world.hidden()).toEqual({ "receipt-of-m1": 60 });
    expect(world.deleted()).toEqual(["receipt-of-m1"]);
  });

  test("of a turn that lost its race is given back at once", async () => {
    quick();
    const world = new World({ ports: (ports) => ({ ...ports, log: { ...ports.log, append: async () => false } }) });
    const answer = await world.orchestrator({ Records: [letter("run:a", start("a", "quick"), { id: "m1", receives: 3 })] }, TIME);
    expect(failures(answer)).toEqual(new Set(["m1"]));
    expect(world.hidden()["receipt-of-m1"]).toBe(0);
  });

  test("for which no time is left is given back untouched", async () => {
    const world = new World();
    const answer = await world.orchestrator({ Records: [letter("run:a", start("a", "quick"), { id: "m1" })] }, { getRemainingTimeInMillis: () => 2000 });
    expect(failures(answer)).toEqual(new Set(["m1"]));
    expect(await world.entries("a")).toEqual([]);
  });

  test("holds its messages before it runs a task inline: the process may die of it at once", async () => {
    let before: unknown;
    const slow = task({ name: "slow" }, async () => {
      before = world.hidden();
    });
    flow({ name: "inline" }, async () => slow());
    const world = new World();
    await world.orchestrator({ Records: [letter("run:a", start("a", "inline"), { id: "m1" })] }, TIME);
    expect(before).toEqual({ "receipt-of-m1": 60 });
    expect(await world.events("a")).toContainEqual(expect.objectContaining({ type: "attempted", where: "inline" }));
  });

  test("that comes late in its invocation leaves tasks to the queue", async () => {
    const slow = task({ name: "slow" }, async () => 1);
    flow({ name: "inline" }, async () => slow());
    const world = new World();
    await world.orchestrator({ Records: [letter("run:a", start("a", "inline"), { id: "m1" })] }, { getRemainingTimeInMillis: () => 50_000 });
    expect(await world.events("a")).toContainEqual({ type: "attempted", call: expect.any(String), attempt: 1 });
    await world.pump();
    expect((await world.state("a")).row.type).toBe("COMPLETED");
  });

  test("in which an inline task does not end in time goes on in the queue, with the rest of its retries", async () => {
    let runs = 0;
    const stuck = task({ name: "stuck" }, async () => (runs++ === 0 ? new Promise<number>(() => {}) : 7));
    flow({ name: "inline" }, async () => stuck());
    const world = new World();
    const turn = world.orchestrator({ Records: [letter("run:a", start("a", "inline"), { id: "m1" })] }, { getRemainingTimeInMillis: () => 100_000 });
    await vi.waitFor(() => expect(runs).toBe(1));
    await world.backend.advance(97_000);
    expect(await turn).toEqual({ batchItemFailures: [] });
    await world.pump();
    expect((await world.state("a")).row.type).toBe("COMPLETED");
    expect(runs).toBe(2);
  });

  test("received too often ends its run without running its code", async () => {
    let ran = false;
    flow({ name: "poison" }, async () => {
      ran = true;
    });
    const world = new World();
    await world.orchestrator({ Records: [letter("run:a", start("a", "poison"), { id: "m1", receives: 11 })] }, TIME);
    expect((await world.state("a")).row.type).toBe("CRASHED");
    expect(ran).toBe(false);
  });

  test("keeps what is not ours in the bucket, and goes on", async () => {
    quick();
    const world = new World();
    const answer = await world.orchestrator(
      { Records: [record("hello", { id: "x", group: "somebody" }), letter("run:a", start("a", "quick"), { id: "m1" })] },
      TIME,
    );
    expect(answer).toEqual({ batchItemFailures: [] });
    const [kept] = world.s3.commandCalls(PutObjectCommand);
    expect(kept?.args[0].input).toMatchObject({ Bucket: "results", Key: "dead-letters/mailbox.fifo/x.json" });
    expect(world.deleted()).toContain("receipt-of-x");
    expect((await world.state("a")).row.type).toBe("COMPLETED");
  });

  test("of which one message cannot be fetched gives back its whole group, and takes the others", async () => {
    quick();
    const world = new World({
      ports: beforeCall("results", "get", () => {
        throw new Error("the bucket does not answer");
      }),
    });
    const answer = await world.orchestrator(
      {
        Records: [
          letter("run:b", start("b", "quick"), { id: "b1" }),
          record({ to: "run:b", ref: "somewhere" }, { id: "b2", group: "run:b" }),
          letter("run:a", start("a", "quick"), { id: "a1" }),
        ],
      },
      TIME,
    );
    expect(failures(answer)).toEqual(new Set(["b1", "b2"]));
    expect((await world.state("a")).row.type).toBe("COMPLETED");
    expect(await world.entries("b")).toEqual([]);
  });
});

describe("a run of an older build", () => {
  async function open(): Promise<World> {
    patient();
    const world = new World({ build: "new" });
    const old = orchestratorOf(world.function({ build: "old" }));
    await old({ Records: [letter("run:a", start("a", "patient"), { id: "m1" })] }, TIME);
    return world;
  }
  const answer: RunMessage = { kind: "input", id: "i1", name: "answer", value: JSON.stringify("yes") };

  test("is handed to that build, with the very same records", async () => {
    const world = await open();
    const old = orchestratorOf(world.function({ build: "old" }));
    world.versions({ newer: () => ({ batchItemFailures: [] }), old: (Records) => old({ Records: [...Records] }, TIME) });
    expect(await world.orchestrator({ Records: [letter("run:a", answer, { id: "m2" })] }, TIME)).toEqual({ batchItemFailures: [] });
    expect((await world.state("a")).row.type).toBe("COMPLETED");
  });

  test("is not given up when that build fails: its messages come again", async () => {
    const world = await open();
    world.versions({ old: (records) => ({ batchItemFailures: records.map(({ messageId }) => ({ itemIdentifier: messageId })) }) });
    expect(failures(await world.orchestrator({ Records: [letter("run:a", answer, { id: "m2" })] }, TIME))).toEqual(new Set(["m2"]));
    expect((await world.state("a")).row.type).toBe("PAUSED");
  });

  test("whose build is gone ends as crashed, and says why", async () => {
    const world = await open();
    world.versions({ new: () => ({ batchItemFailures: [] }) });
    expect(await world.orchestrator({ Records: [letter("run:a", answer, { id: "m2" })] }, TIME)).toEqual({ batchItemFailures: [] });
    const { row, error } = await world.state("a");
    expect(row.type).toBe("CRASHED");
    expect((decode(error as string) as WindhoverError).message).toContain("WH3121: the build old");
  });
});
