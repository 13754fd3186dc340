/** What is to happen at which time: a heap, first by time and then by the order in which it was set. */
interface Alarm {
  readonly at: number;
  readonly order: number;
  /** Null when it was called off. It stays in the heap until it is due, or until such alarms are the majority. */
  act: (() => void) | null;
}

const before = (a: Alarm, b: Alarm): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

export class Alarms {
  #heap: Alarm[] = [];
  #set = 0;
  #calledOff = 0;

  /** Returns how to call it off, which is harmless afterwards. */
  set(at: number, act: () => void): () => void {
    const alarm: Alarm = { at, order: this.#set++, act };
    this.#push(alarm);
    return () => {
      if (alarm.act === null) return;
      alarm.act = null;
      this.#calledOff += 1;
      // Most timeouts are called off long before they are due: without this the heap would hold them all.
      if (this.#calledOff > 64 && this.#calledOff > this.#heap.length / 2) this.#sweep();
    };
  }

  next(): number | null {
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (first.act !== null) return first.at;
      this.#pop();
      this.#calledOff -= 1;
    }
    return null;
  }

  /** Acts for the first that is due. */
  ring(): void {
    if (this.next() === null) return;
    const alarm = this.#pop();
    const act = alarm?.act;
    if (!alarm || !act) return;
    alarm.act = null;
    act();
  }

  #sweep(): void {
    const kept = this.#heap.filter((alarm) => alarm.act !== null);
    this.#heap = kept.sort((a, b) => (before(a, b) ? -1 : 1));
    this.#calledOff = 0;
  }

  #push(alarm: Alarm): void {
    const heap = this.#heap;
    let at = heap.push(alarm) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!before(alarm, heap[above] as Alarm)) break;
      heap[at] = heap[above] as Alarm;
      at = above;
    }
    heap[at] = alarm;
  }

  #pop(): Alarm | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && before(heap[below + 1] as Alarm, heap[below] as Alarm)) below += 1;
      if (!before(heap[below] as Alarm, last)) break;
      heap[at] = heap[below] as Alarm;
      at = below;
    }
    heap[at] = last;
    return first;
  }
}
