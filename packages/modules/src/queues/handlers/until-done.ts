import { setTimeout as sleep } from 'node:timers/promises';

export interface UntilDoneOptions {
  /** Ends the attempts. */
  readonly signal: AbortSignal;
  readonly onFailure: (error: unknown) => void;
}

const firstDelayMs = 250;
const maxDelayMs = 5000;

/** Runs `attempt` until it succeeds or the signal ends it, with exponential waits. Resolves in both cases. */
export async function untilDone(attempt: () => Promise<void>, options: UntilDoneOptions): Promise<void> {
  const { signal, onFailure } = options;
  for (let delayMs = firstDelayMs; !signal.aborted; delayMs = Math.min(2 * delayMs, maxDelayMs)) {
    try {
      await attempt();
      return;
    } catch (error) {
      if (signal.aborted) return;
      onFailure(error);
      await sleep(delayMs, undefined, { signal }).catch(() => undefined);
    }
  }
}
