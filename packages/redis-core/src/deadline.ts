/** Settles as `promise` does, or rejects when the deadline passes first; the loser is ignored. */
export async function withDeadline<T>(promise: Promise<T>, deadlineAt: number, onLate: () => Error): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(onLate()), Math.max(0, deadlineAt - performance.now()));
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
