/** Whether this Node can run us, told in words before something that it lacks is missed. It parses on any Node that knows modules. */
import { WindhoverError } from "../engine/errors.ts";

/** The same as `engines` of package.json. */
export const LEAST_NODE = 20;

/** @throws WindhoverError WH4030 when it is too old. */
export function checkNode(version: string = process.versions.node): void {
  if (Number.parseInt(version, 10) >= LEAST_NODE) return;
  throw new WindhoverError("WH4030", {
    message: `This is Node ${version}, which is too old for Windhover.`,
    expected: `Node ${LEAST_NODE} or newer`,
    got: version,
  });
}
