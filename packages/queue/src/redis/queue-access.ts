import type { RedisClient } from './connection-watch.ts';

/** What the stores of one queue in Redis work with. */
export interface RedisQueueAccess {
  /** Of the queue's keys, with its colon. */
  readonly prefix: string;
  /** Runs on a connection that is ready, within the command timeout, with errors translated. */
  readonly run: <T>(operation: (client: RedisClient) => Promise<T>) => Promise<T>;
}
