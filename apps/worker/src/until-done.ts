import { setTimeout as sleep } from 'node:timers/promises';
import { QueueUnavailableError } from '@holdfast/queue';
import type { Logger } from '@holdfast/telemetry';

export interface UntilDoneOptions {
  /** Ends the attempts. */
  readonly signal: AbortSignal;
  readonly onFailure: (error: unknown) => void;
  readonly firstDelayMs?: number;
  readonly maxDelayMs?: number;
}

/** Runs `attempt` until it succeeds or the signal ends it, with exponential waits. Resolves in both cases. */
export async function untilDone(attempt: () => Promise<void>, options: UntilDoneOptions): Promise<void> {
  const { signal, onFailure, firstDelayMs = 250, maxDelayMs = 5000 } = options;
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

/** That a store is away is told once, by who watches its connections, and not at each attempt that fails for it. */
export function logNotInstalled(logger: Logger, error: unknown): void {
  const isAway = error instanceof QueueUnavailableError || (error as { code?: unknown }).code === 'REDIS_UNAVAILABLE';
  if (isAway) logger.debug({ reason: (error as Error).message }, 'the schedules are installed when the store is there');
  else logger.warn({ err: error }, 'the schedules could not be installed yet');
}
