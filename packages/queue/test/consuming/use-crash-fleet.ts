import { startRedis, type RedisServer } from '@holdfast/testing';
import { afterEach, beforeEach } from 'vitest';
import { CrashFleet, targetOf } from './crash-fleet.ts';

/** `CRASH_RUN=full`: as much as the promise says, which takes minutes. */
export const full = process.env['CRASH_RUN'] === 'full';
/** A worker whose silence is noticed soon. */
export const quick = { HEARTBEAT_MS: '400', TTL_MS: '1200' };
/** Likewise, also where processes get their turn late. */
export const steady = { HEARTBEAT_MS: '500', TTL_MS: '1500' };
/** What such a worker learns within a test it was not told by a heartbeat: that comes later than any test may last. */
export const rare = { HEARTBEAT_MS: '600000', TTL_MS: '1800000' };

export interface CrashTest {
  /** It keeps what it acknowledged over its own death; not over that of its machine, so that no test waits for a disk. */
  readonly redis: RedisServer;
  readonly fleet: CrashFleet;
}

/** For each test of the file a Redis, and a fleet without workers on it; both end with the test. */
export function useCrashFleet(): CrashTest {
  let current: CrashTest | undefined;
  const running = (): CrashTest => {
    if (current === undefined) throw new Error('Only within a test.');
    return current;
  };
  beforeEach(async () => {
    const redis = await startRedis({ args: ['--appendonly', 'yes'] });
    current = { redis, fleet: new CrashFleet(targetOf(redis)) };
  });
  afterEach(async () => {
    const { redis, fleet } = running();
    current = undefined;
    await fleet.close();
    await redis.stop();
  });
  return {
    get redis() {
      return running().redis;
    },
    get fleet() {
      return running().fleet;
    },
  };
}
