/**
 * How long a test goes on that gets better the longer it runs: `HISTORY_SECONDS` where it is set, else 10.
 */
export function historySeconds(): number {
  const given = Number(process.env['HISTORY_SECONDS'] ?? '');
  return given > 0 ? given : 10;
}

/**
 * Whether to show that the history checker finds what is broken on purpose (`HISTORY_MUTATIONS=true`): minutes of random
 * runs, for whoever changes the cache or the checker, not for each run of all tests.
 */
export function historyMutations(): boolean {
  return process.env['HISTORY_MUTATIONS'] === 'true';
}

/**
 * What a small container is put under: with `EMBEDDED_MEMORY=full` a thousand jobs, and the cache filled with values of
 * each size; else enough to start everything once.
 */
export function embeddedLoad(): { readonly jobs: number; readonly valueSizes: readonly number[] } {
  if (process.env['EMBEDDED_MEMORY'] === 'full') return { jobs: 1000, valueSizes: [20, 1000, 20_000, 500_000] };
  return { jobs: 50, valueSizes: [100_000] };
}

/**
 * How much is written into a bounded namespace, and beside what: with `INDEX_LOAD=full` as much as once made it leak (200,000
 * items into a bound of 10,000) and a million other keys; else a fiftieth of it. `waitMs`: how long a condition is waited for; the full
 * load also needs `--testTimeout=300000 --hookTimeout=300000`.
 */
export function indexLoad(): {
  readonly items: number;
  readonly bound: number;
  readonly others: number;
  readonly waitMs: number;
} {
  if (process.env['INDEX_LOAD'] === 'full')
    return { items: 200_000, bound: 10_000, others: 1_000_000, waitMs: 300_000 };
  return { items: 8000, bound: 400, others: 20_000, waitMs: 60_000 };
}

/**
 * What single requests, and pages of an upstream, are made of that should cost a process little: with `REQUEST_LOAD=full` all that
 * is known to be dense, in bodies of 8 MiB; else two kinds of it in 1 MiB. `factor`: how much more processor time than a quiet machine
 * needs is let pass.
 */
export function requestLoad(): { readonly isFull: boolean; readonly bytes: number; readonly factor: number } {
  if (process.env['REQUEST_LOAD'] === 'full') return { isFull: true, bytes: 8 * 1024 * 1024, factor: 1 };
  return { isFull: false, bytes: 1024 * 1024, factor: 4 };
}

/**
 * How much comes at once to an API in a small container: with `OVERLOAD=full` as much as ended it once, each body sent again until it
 * is taken, and nearly as many idle connections as it takes; else the same once, and fewer connections.
 */
export function overload(): { readonly isFull: boolean; readonly idleConnections: number } {
  const isFull = process.env['OVERLOAD'] === 'full';
  return { isFull, idleConnections: isFull ? 9800 : 1000 };
}
