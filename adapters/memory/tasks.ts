/** Task queues: one for each pool. */
import type { TaskDelivery, TaskMessage, TaskQueue } from "../../engine/ports.ts";
import { Listeners } from "./signals.ts";

interface Parcel {
  readonly physical: string;
  /** The message as JSON. */
  readonly text: string;
  receives: number;
  holder: number;
}

interface Pool {
  readonly waiting: Parcel[];
  /** By receipt, which names the receive: one who was taken for dead takes nothing from its successor. */
  readonly inHand: Map<string, Parcel>;
}

export interface TaskState {
  readonly pools: Map<string, Pool>;
  readonly listeners: Listeners;
  sent: number;
  received: number;
}

export const emptyTasks = (): TaskState => ({ pools: new Map(), listeners: new Listeners(), sent: 0, received: 0 });

/** Gives back what is in hand: what the process `holder` has, or, without one, what anybody has. It counts as received. */
export function returnTasks(tasks: TaskState, holder?: number): void {
  for (const pool of tasks.pools.values()) {
    const returned = [...pool.inHand].filter(([, parcel]) => holder === undefined || parcel.holder === holder);
    for (const [receipt] of returned) pool.inHand.delete(receipt);
    pool.waiting.unshift(...returned.map(([, parcel]) => parcel));
    if (returned.length > 0) tasks.listeners.raise();
  }
}

export function memoryTasks(tasks: TaskState, holder: number): TaskQueue {
  /** Takes a delivery out of the hand that it is in, if it still is in that of its receiver. */
  const take = ({ pool, receipt }: TaskDelivery): Parcel | undefined => {
    const inHand = tasks.pools.get(pool)?.inHand;
    const parcel = receipt === undefined ? undefined : inHand?.get(receipt);
    if (receipt !== undefined) inHand?.delete(receipt);
    return parcel;
  };
  return {
    async enqueue(name, message) {
      let pool = tasks.pools.get(name);
      if (pool === undefined) {
        pool = { waiting: [], inHand: new Map() };
        tasks.pools.set(name, pool);
      }
      tasks.sent += 1;
      pool.waiting.push({ physical: `task-${tasks.sent}`, text: JSON.stringify(message), receives: 0, holder: 0 });
      tasks.listeners.raise();
    },
    async receive(name, most) {
      const pool = tasks.pools.get(name);
      if (pool === undefined || most < 1) return [];
      return pool.waiting.splice(0, most).map((parcel) => {
        parcel.receives += 1;
        parcel.holder = holder;
        const receipt = `receive-${++tasks.received}`;
        pool.inHand.set(receipt, parcel);
        return { physical: parcel.physical, pool: name, message: JSON.parse(parcel.text) as TaskMessage, receives: parcel.receives, receipt };
      });
    },
    async acknowledge(deliveries) {
      for (const delivery of deliveries) take(delivery);
    },
    async release(deliveries) {
      for (const delivery of deliveries) {
        const parcel = take(delivery);
        if (parcel === undefined) continue;
        // It goes to the end: at the front, an executor that cannot run it would get it again and again, and nobody would get the rest.
        parcel.receives -= 1;
        tasks.pools.get(delivery.pool)?.waiting.push(parcel);
        tasks.listeners.raise();
      }
    },
  };
}
