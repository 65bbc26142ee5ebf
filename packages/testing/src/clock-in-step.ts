import { setImmediate as turn } from 'node:timers/promises';
import type { Monitor } from './monitor.ts';

/** In such steps a faked clock goes on: a fraction of the shortest deadline that anybody has. */
const STEP_MS = 100;
/** Over a proxy each direction takes turns of its own. */
const ROUNDS = 3;

/**
 * Lets a faked clock go on in step with a real Redis: after each step, what was sent has been carried out and answered. So
 * minutes pass in a second, and however busy the machine is, no answer comes late. It reads no clock of its own.
 *
 * @param advance moves the faked clock, and calls what is due: `vi.advanceTimersByTime`
 * @param monitors one for each Redis that is talked to
 */
export function clockInStep(
  advance: (ms: number) => unknown,
  monitors: readonly Pick<Monitor, 'settle'>[],
): (ms: number) => Promise<void> {
  return async (ms) => {
    for (let left = ms; left > 0; left -= STEP_MS) {
      advance(Math.min(left, STEP_MS));
      for (let round = 0; round < ROUNDS; round += 1) {
        await Promise.all(monitors.map(async (monitor) => monitor.settle()));
        await turn();
      }
    }
  };
}
