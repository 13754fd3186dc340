/** Abort marks that stand for a run's mail, which a turn does not read while it runs a task: whoever sends a cancel or a pause sets one. No call has such a name. */

export const CANCEL_MARK = "!cancel";

/**
 * It says how often the run had gone on after a pause when this one was asked for. So a mark that is set late, or once more, when its pause is over is one that nobody looks for:
 * the run's tasks run inline again.
 */
export const pauseMark = (resumes = 0): string => `!pause/${resumes}`;
