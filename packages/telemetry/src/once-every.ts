/** When something that could not be read is tried again. */
const againAfterMs = 60_000;

/**
 * What a command has to be sent for is read once in `ms`, however often somebody scrapes: those in between get what was read
 * last. What failed is read again after a minute, if that is sooner.
 * @param now milliseconds, by a clock that only runs forwards
 */
export function onceEvery<Reading>(
  ms: number,
  read: () => Promise<Reading>,
  now: () => number = () => performance.now(),
): () => Promise<Reading> {
  let last: Promise<Reading> | undefined;
  let nextAt = -Infinity;
  return async () => {
    if (last === undefined || now() >= nextAt) {
      const begunAt = now();
      nextAt = begunAt + ms;
      last = read();
      last.catch(() => {
        nextAt = begunAt + Math.min(ms, againAfterMs);
      });
    }
    return last;
  };
}
