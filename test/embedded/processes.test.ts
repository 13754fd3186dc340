/** Several real processes on one directory, and what `kill -9` leaves behind. */
import { describe, expect, test } from "vitest";
import { type EmbeddedBackend, openEmbedded } from "../../adapters/embedded/backend.ts";
import type { Delivery } from "../../engine/messages.ts";
import type { TaskDelivery, TaskMessage } from "../../engine/ports.ts";
import { Child } from "./child-process.ts";
import { message, newDirectory } from "./place.ts";

const KILLS = 12;

async function nextMail(backend: EmbeddedBackend): Promise<readonly Delivery[]> {
  for (;;) {
    const deliveries = await backend.ports.inbox.receive(10);
    if (deliveries.length > 0) return deliveries;
    await backend.signals.mail.wait();
  }
}

async function nextTask(backend: EmbeddedBackend): Promise<TaskDelivery> {
  for (;;) {
    const [delivery] = await backend.ports.tasks.receive("default", 1);
    if (delivery) return delivery;
    await backend.signals.tasks.wait();
  }
}

const task = (id: string): TaskMessage => ({ id, actor: "run:a", run: { runId: "a", runName: "a", flow: "f", parameters: "{}", tags: [] }, tasks: [] });

describe("processes that share a directory", () => {
  test("what one sends the other handles, in order, and each message once", { timeout: 60_000 }, async () => {
    const directory = newDirectory();
    const worker = await Child.start("work", directory, "w");
    await worker.until((said) => said.some((each) => each.what === "ready"));
    const backend = await openEmbedded({ directory });
    const ids = Array.from({ length: 300 }, (_, i) => `m-${i}`);
    for (const [i, id] of ids.entries()) await backend.ports.mailbox.send(`run:${i % 7}`, message(id));
    await worker.until((said) => said.filter((each) => each.what === "appended").length >= ids.length);
    await worker.kill();
    for (let actor = 0; actor < 7; actor++) {
      const logged = (await backend.ports.log.read(`run:${actor}`)).flatMap((entry) => entry.events as unknown as string[]);
      expect(logged).toEqual(ids.filter((_, i) => i % 7 === actor));
    }
    await backend.close();
  });

  test(`nothing that was acknowledged is lost, doubled or out of order over ${KILLS} times kill -9`, { timeout: 120_000 }, async () => {
    const directory = newDirectory();
    const sent: string[] = [];
    const appended: string[] = [];
    const note = ({ said }: Child): void => {
      for (const each of said) if (each.what === "sent") sent.push(each.id as string);
      for (const each of said) if (each.what === "appended") appended.push(each.id as string);
    };
    const start = (i: number): Promise<Child> => Child.start("work", directory, `p${i}`, "100000");
    let started = 0;
    const pair = [await start(started++), await start(started++)];
    for (let kill = 0; kill < KILLS; kill++) {
      const victim = pair[kill % 2] as Child;
      // Each dies at another moment of its work: after so many messages of its own.
      const lines = 20 + ((kill * 37) % 90);
      await victim.until((said) => said.filter((each) => each.what === "sent").length >= lines);
      await victim.kill();
      note(victim);
      pair[kill % 2] = await start(started++);
    }
    for (const child of pair) {
      await child.until((said) => said.length >= 50);
      await child.kill();
      note(child);
    }
    const backend = await openEmbedded({ directory });
    const logged = new Map<string, string[]>();
    for (let actor = 0; actor < 10; actor++)
      logged.set(
        `run:${actor}`,
        (await backend.ports.log.read(`run:${actor}`)).flatMap((entry) => entry.events as unknown as string[]),
      );
    expect(
      appended.filter((id) => ![...logged.values()].some((ids) => ids.includes(id))),
      "an entry that was appended is in the log",
    ).toEqual([]);
    // What no entry has yet is in the mail: the survivor handles it.
    for (;;) {
      const deliveries = await backend.ports.inbox.receive(100);
      if (deliveries.length === 0) break;
      const { actor } = deliveries[0] as Delivery;
      const consumed = (await backend.ports.log.tail(actor))?.physical ?? [];
      for (const each of deliveries) if (!consumed.includes(each.physical)) logged.get(actor)?.push(each.message.id);
      await backend.ports.mailbox.acknowledge(deliveries);
    }
    const all = [...logged.values()].flat();
    const known = new Set(all);
    expect(sent.length).toBeGreaterThan(KILLS * 20);
    expect(
      sent.filter((id) => !known.has(id)),
      "sent and lost",
    ).toEqual([]);
    expect(all.length, "each once").toBe(known.size);
    for (const ids of logged.values())
      for (let process = 0; process < started; process++) {
        const own = ids.filter((id) => id.startsWith(`p${process}-`)).map((id) => Number(id.split("-")[1]));
        expect(own).toEqual(own.toSorted((a, b) => a - b));
      }
    await backend.close();
  });

  test("what a dead process had in hand comes to one that is running, counted", { timeout: 60_000 }, async () => {
    const directory = newDirectory();
    const backend = await openEmbedded({ directory });
    await backend.ports.mailbox.send("run:a", message("held"));
    const holder = await Child.start("hold", directory);
    await holder.until((said) => said.some((each) => each.what === "holding"));
    expect(await backend.ports.inbox.receive(1)).toEqual([]);
    await holder.kill();
    expect((await nextMail(backend)).map((each) => [each.message.id, each.receives])).toEqual([["held", 2]]);
    await backend.close();
  });

  test("a task in the hand of a dead process comes again as received twice, one that waited as new", { timeout: 60_000 }, async () => {
    const directory = newDirectory();
    const backend = await openEmbedded({ directory });
    for (const id of ["t-1", "t-2"]) await backend.ports.tasks.enqueue("default", task(id));
    await backend.settle();
    const holder = await Child.start("holdTask", directory);
    await holder.until((said) => said.length > 0);
    expect(holder.said).toMatchObject([{ what: "running", id: "t-1", receives: 1 }]);
    const waiting = await nextTask(backend);
    expect([waiting.message.id, waiting.receives]).toEqual(["t-2", 1]);
    await holder.kill();
    const again = await nextTask(backend);
    expect([again.message.id, again.receives]).toEqual(["t-1", 2]);
    await backend.close();
  });

  test("whoever kills its process is the only one whose count goes on growing", { timeout: 60_000 }, async () => {
    const directory = newDirectory();
    const backend = await openEmbedded({ directory });
    for (const id of ["innocent-1", "innocent-2", "poison", "innocent-3", "innocent-4"]) await backend.ports.mailbox.send(`run:${id}`, message(id));
    await backend.close();
    const counts = new Map<string, number[]>();
    for (let i = 0; i < 6; i++) {
      const child = await Child.start("hold", directory, "die");
      await child.ended;
      for (const each of child.said) counts.set(each.id as string, [...(counts.get(each.id as string) ?? []), each["receives"] as number]);
    }
    const poison = counts.get("poison") as number[];
    expect(poison).toHaveLength(6);
    expect(poison.at(-1)).toBeGreaterThanOrEqual(5);
    for (const [id, received] of counts) if (id !== "poison") expect(Math.max(...received), id).toBeLessThanOrEqual(2);
  });
});

describe("a process that cannot serve an actor", () => {
  test("declines it: another has it, with its count untouched, and it is not given back until reconsidered", async () => {
    const directory = newDirectory();
    const [one, two] = [await openEmbedded({ directory }), await openEmbedded({ directory })];
    await one.ports.inbox.receive(1);
    await two.ports.inbox.receive(1);
    await one.ports.mailbox.send("run:foreign", message("1"));
    await one.ports.inbox.decline(await one.ports.inbox.receive(1));
    await one.settle();
    await one.ports.mailbox.send("run:foreign", message("2"));
    expect(await one.ports.inbox.receive(1)).toEqual([]);
    const taken = await nextMail(two);
    expect(taken.map((each) => [each.message.id, each.receives])).toEqual([
      ["1", 1],
      ["2", 1],
    ]);
    await two.ports.inbox.decline(taken);
    await two.settle();
    expect(await two.ports.inbox.receive(10)).toEqual([]);
    one.ports.inbox.reconsider();
    expect((await nextMail(one)).map((each) => [each.message.id, each.receives])).toEqual([
      ["1", 1],
      ["2", 1],
    ]);
    await one.close();
    await two.close();
  });

  test("declines a task: another has it, and it is not given back until reconsidered", async () => {
    const directory = newDirectory();
    const [one, two] = [await openEmbedded({ directory }), await openEmbedded({ directory })];
    await one.ports.tasks.enqueue("default", task("t-1"));
    await one.ports.tasks.decline(await one.ports.tasks.receive("default", 1));
    expect(await one.ports.tasks.receive("default", 1)).toEqual([]);
    const taken = await two.ports.tasks.receive("default", 1);
    expect(taken.map((each) => [each.message.id, each.receives])).toEqual([["t-1", 1]]);
    await two.ports.tasks.decline(taken);
    await two.settle();
    one.ports.tasks.reconsider();
    expect((await one.ports.tasks.receive("default", 1)).map((each) => each.receives)).toEqual([1]);
    await one.close();
    await two.close();
  });
});
