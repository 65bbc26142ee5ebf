/**
 * BullMQ keeps a stack for each failed attempt, but not when it failed, and nothing says when the first one did. So each
 * stack that our consumers record ends with a line that does, and the first one is kept whatever else is dropped.
 */
const stamp = /\n {4}failed at (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)$/;

/** Characters of a stack. */
const maxStackLength = 8192;
/** Stacks a job, the first one and the newest; a job can have 100 attempts. */
const maxStacks = 4;

/** @param now milliseconds since the epoch */
export function stampStack(stack: string, now: number = Date.now()): string {
  return `${stack.slice(0, maxStackLength)}\n    failed at ${new Date(now).toISOString()}`;
}

/** Makes room for one more, before BullMQ adds it. */
export function thinStacks(stacks: string[] | null): void {
  if (stacks !== null && stacks.length >= maxStacks) stacks.splice(1, stacks.length - maxStacks + 1);
}

export interface RecordedFailures {
  /** Of the last attempt, without its stamp. */
  readonly stack?: string;
  /** ISO 8601 UTC. */
  readonly firstFailedAt?: string;
}

/** @param stacks what BullMQ kept, by whomever it was written */
export function readStacks(stacks: unknown): RecordedFailures {
  if (!Array.isArray(stacks)) return {};
  const texts = stacks.filter((stack): stack is string => typeof stack === 'string');
  const firstFailedAt = stamp.exec(texts[0] ?? '')?.[1];
  const stack = texts.at(-1)?.replace(stamp, '');
  return {
    ...(stack !== undefined && { stack }),
    ...(firstFailedAt !== undefined && { firstFailedAt }),
  };
}
