/** Where a run stands in the lists of runs. */
import type { RunRow } from "../../engine/events.ts";
import { padded } from "./table.ts";

/** The sort key of all three indexes: `#` and `$` follow one another in ASCII, so that `padded$` stands after all runs of a moment. */
export const placeOf = ({ createdAt, id }: Pick<RunRow, "createdAt" | "id">): string => `${moment(createdAt)}#${id}`;
export const moment = (ms: number): string => padded(Math.min(Math.max(0, Math.floor(ms)), 999_999_999_999_999), 15);
