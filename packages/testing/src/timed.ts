import { readFileSync } from 'node:fs';

/**
 * Runs `work` and replies how long it took, in milliseconds. Left out is the time in which this thread could have gone on,
 * and the machine let it wait for a processor: a bound of milliseconds is promised of the program, not of what it shares a
 * machine with. Only Linux tells that time; elsewhere all of it counts.
 */
export async function timed(work: () => unknown): Promise<number> {
  const waitedBefore = waitedForProcessorMs();
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt - (waitedForProcessorMs() - waitedBefore);
}

/** The second figure is the time on the run queue, in nanoseconds (Linux, `Documentation/scheduler/sched-stats.rst`). */
function waitedForProcessorMs(): number {
  try {
    const [, waited] = readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ');
    return Number(waited) / 1e6;
  } catch {
    return 0; // another system, or a kernel that does not count it
  }
}
