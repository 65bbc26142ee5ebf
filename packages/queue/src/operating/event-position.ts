/**
 * Where a stream of events of a job goes on. The store numbers its events; the lines of a log are none, so how many of
 * them were seen is kept beside.
 */
export interface EventPosition {
  /** `<milliseconds>-<n>` on Redis, a number on the embedded backend. */
  readonly eventId: string;
  /** Lines of the log that were seen. `undefined`: not said. */
  readonly lines: number | undefined;
  /** The stream had come to its end. */
  readonly hasEnded: boolean;
}

const grammar = /^(\d{1,18}(?:-\d{1,18})?)(?:\.(\d{1,9}))?(\.end)?$/;

export function writeEventPosition({ eventId, lines, hasEnded }: EventPosition): string {
  return `${eventId}.${lines ?? 0}${hasEnded ? '.end' : ''}`;
}

/** Also takes the id of an event as BullMQ gives it. `undefined` for anything else. */
export function parseEventPosition(text: string): EventPosition | undefined {
  const [, eventId, lines, end] = grammar.exec(text) ?? [];
  if (eventId === undefined) return undefined;
  return { eventId, lines: lines === undefined ? undefined : Number(lines), hasEnded: end !== undefined };
}

/** Whether the event `id` comes behind `other`. */
export function isBehind(id: string, other: string): boolean {
  const [time = 0n, n = 0n] = id.split('-').map(BigInt);
  const [otherTime = 0n, otherN = 0n] = other.split('-').map(BigInt);
  return time === otherTime ? n > otherN : time > otherTime;
}
