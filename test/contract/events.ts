/** Events: what a flow emits is handed to whoever subscribes, at least once; the id tells repetitions apart. */
import { expect } from "vitest";
import { contract, type Emitted, eventually, type Make, type Skips, type Subject } from "./backend.ts";
import { AWKWARD, AWKWARD_NAME, NOON } from "./samples.ts";

const event = (id: string, detail = "{}") => ({ id, type: "report.ready", run: "r1", at: NOON, detail });

/** What a subscriber has, repetitions left out, once it has so many. */
async function handed(subject: Subject, count: number): Promise<readonly Emitted[]> {
  return await eventually(subject, `${count} events are handed over`, async () => {
    const first = new Map<string, Emitted>();
    for (const each of await subject.emitted()) if (!first.has(each.id)) first.set(each.id, each);
    return first.size >= count ? [...first.values()] : undefined;
  });
}

export function eventsContract(make: Make, skips: Skips = {}): void {
  contract("events", make, skips, (check) => {
    check("an emitted event is handed over as it was", async (subject) => {
      const awkward = { ...event("r1/emit-0", AWKWARD), type: AWKWARD_NAME };
      await subject.ports.events.emit(awkward);
      expect(await handed(subject, 1)).toEqual([awkward]);
    });

    check("emitted again, as by an effect that is performed again, it has the same id", async (subject) => {
      await subject.ports.events.emit(event("r1/emit-0"));
      await subject.ports.events.emit(event("r1/emit-0"));
      await subject.ports.events.emit(event("r1/emit-1"));
      expect((await handed(subject, 2)).map((each) => each.id).toSorted()).toEqual(["r1/emit-0", "r1/emit-1"]);
    });

    check("many events emitted at once are all handed over", async (subject) => {
      const all = Array.from({ length: 50 }, (_, i) => event(`r1/emit-${i}`, `${i}`));
      await Promise.all(all.map((each) => subject.ports.events.emit(each)));
      expect((await handed(subject, 50)).map((each) => each.detail).toSorted()).toEqual(all.map((each) => each.detail).toSorted());
    });

    check("a large detail may be a reference", async (subject) => {
      await subject.ports.events.emit({ ...event("r1/emit-0"), detail: { ref: "abc", chars: 5000 } });
      expect((await handed(subject, 1))[0]?.detail).toEqual({ ref: "abc", chars: 5000 });
    });
  });
}
