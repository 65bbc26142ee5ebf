/**
 * What the markers of adds that must happen once start with; the token of the add follows. Right beside BullMQ's own
 * keys of the queue, so in its slot; no job can have an id that makes such a key (see job-id.ts).
 *
 * @param toKey makes a key of the queue from what follows its prefix
 */
export function onceKeyPrefix(toKey: (part: string) => string): string {
  return toKey('once:');
}

/** Hash: what was said of the schedules of the queue, by their ids. */
export function scheduleRecordsKey(toKey: (part: string) => string): string {
  return toKey('schedules');
}
