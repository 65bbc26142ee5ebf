/** When jobs come by themselves. */
export type Schedule =
  | { readonly everyMs: number }
  /** A cron expression (5 or 6 fields). Time zone UTC unless given. */
  | { readonly pattern: string; readonly tz?: string };
