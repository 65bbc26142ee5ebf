/**
 * Settles as `work` does, or rejects with `onTimeout()` after `milliseconds`. What `work` does after that is ignored:
 * the caller sees to it that it has no effect.
 */
export async function withDeadline<T>(work: Promise<T>, milliseconds: number, onTimeout: () => Error): Promise<T> {
  const { promise: expired, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(onTimeout()), milliseconds);
  try {
    return await Promise.race([work, expired]);
  } finally {
    clearTimeout(timer);
    // When the deadline wins, nobody listens to the loser any more.
    work.catch(() => undefined);
  }
}
