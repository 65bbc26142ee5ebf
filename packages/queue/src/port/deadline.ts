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

/** What `withPatience` throws when it has waited long enough. */
export class ImpatienceError extends Error {}

/**
 * Settles as `work` does, or throws `ImpatienceError` after `milliseconds`; `work` goes on, and what becomes of it is
 * ignored. An answer that has arrived, while this process had no time to look at it, still counts.
 */
export async function withPatience<T>(work: Promise<T>, milliseconds: number): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    // After an immediate, the sockets have been read once more.
    setImmediate(() => setImmediate(() => reject(new ImpatienceError(`No answer within ${milliseconds} ms.`))));
  }, milliseconds);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    work.catch(() => undefined);
    late.catch(() => undefined);
  }
}
