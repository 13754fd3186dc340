/** What the parts of the store know of the processes that share the directory (see `processes.ts`). */
export interface Membership {
  readonly id: string;
  readonly joined: boolean;
  /** Takes part in claiming, which means to be watched by the others. */
  join(): void;
  /** Is another process there to share the work with? */
  alone(): boolean;
}
