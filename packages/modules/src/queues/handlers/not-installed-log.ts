import { QueueUnavailableError } from '@holdfast/queue';
import { UnavailableError } from '@holdfast/redis-core';
import type { Logger } from '@holdfast/telemetry';

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
  if (!(error instanceof QueueUnavailableError || error instanceof UnavailableError)) return false;
  const { cause } = error;
  return !(cause instanceof Error && cause.name === 'ReplyError' && refusesWrites.test(cause.message));
}
