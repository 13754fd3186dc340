/** What something has cost where somebody bills for it. Types only: which backend asks for money, and how much, is an adapter's to know. */

export interface Cost {
  /** Calls of an API, and invocations. */
  readonly requests: number;
  /** What these are billed by: a request may be several units. */
  readonly units: number;
  /** Memory times the time that it was held. */
  readonly gbSeconds: number;
  /** US dollars. */
  readonly usd: number;
}

export interface RunCost extends Cost {
  /** By service, the dearest first. */
  readonly services: Readonly<Record<string, Cost>>;
  /** Containers work for several runs at once, and are paid for by the time that they are there: how long this run's tasks ran in them. Unit: seconds. */
  readonly containerSeconds?: number;
}
