/** Emitted events, kept in the order of their emission, repetitions included, for whoever looks. */
import type { Events } from "../../engine/ports.ts";

export type EmittedEvent = Parameters<Events["emit"]>[0];

/** Each as JSON. */
export type EventState = string[];

export function memoryEvents(state: EventState): Events {
  return {
    async emit(event) {
      state.push(JSON.stringify(event));
    },
  };
}

export const emittedEvents = (state: EventState): readonly EmittedEvent[] => state.map((text) => JSON.parse(text) as EmittedEvent);
