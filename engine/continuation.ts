/** How a flow's code says that it goes on as another run. */
import { isMarked } from "./errors.ts";

/** Known by a symbol, because a bundle may bring a second copy of this class. */
const CONTINUATION = Symbol.for("windhover.continuation");

/** `continueAsNew` leaves the flow's function by throwing this; user code that catches everything and goes on has changed its mind. */
export class Continuation {
  readonly parameters: unknown;
  constructor(parameters: unknown) {
    this.parameters = parameters;
  }
  get [CONTINUATION](): true {
    return true;
  }
}
export const isContinuation = (thrown: unknown): thrown is Continuation => isMarked(thrown, CONTINUATION);
