import { setTimeout as sleep } from 'node:timers/promises';
import { QueueUnavailableError } from '@holdfast/queue';
import type { Logger } from '@holdfast/telemetry';

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

/** So long the same warning is not repeated, however often the attempts fail. */
const repeatAfterMs = 300_000;

/** States in which a store is there and refuses writes: no connection of it ends, so nobody else tells of it. */
const refusesWrites = /^(READONLY|MISCONF|NOREPLICAS)\b/;

/**
 * What to do with the failures of attempts to install schedules. That a store is away is told once, by who watches its
 * connections, and not at each attempt that fails for it. Everything else is a warning, repeated every five minutes.
 */
export function notInstalledLog(logger: Logger): (error: unknown) => void {
  const warnedAt = new Map<string, number>();
  return (error) => {
    const reason = error instanceof Error ? error.message : String(error);
    const now = Date.now();
    if (isAway(error) || now - (warnedAt.get(reason) ?? -Infinity) < repeatAfterMs) {
      logger.debug({ reason }, 'the schedules are installed when the store takes them');
      return;
    }
    // A warning that is due again is forgotten, or those that name what changes would grow in number.
    for (const [earlier, time] of warnedAt) if (now - time >= repeatAfterMs) warnedAt.delete(earlier);
    warnedAt.set(reason, now);
    logger.warn({ err: error }, 'the schedules could not be installed yet');
  };
}

function isAway(error: unknown): boolean {
  if (!(error instanceof QueueUnavailableError) && (error as { code?: unknown }).code !== 'REDIS_UNAVAILABLE')
    return false;
  const { cause } = error as Error;
  return !(cause instanceof Error && cause.name === 'ReplyError' && refusesWrites.test(cause.message));
}
