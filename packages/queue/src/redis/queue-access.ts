import type { RedisClient } from './connection-watch.ts';
import type { RedisScript } from './script.ts';

/** What the stores of one queue in Redis work with. */
export interface RedisQueueAccess {
  /** Of the queue's keys, with its colon. */
  readonly prefix: string;
  /** Runs on a connection that is ready, within the command timeout, with errors translated. */
  readonly run: <T>(operation: (client: RedisClient) => Promise<T>) => Promise<T>;
  /** Likewise, for what changes something: where no answer came, its outcome is not known. */
  readonly change: <T>(operation: (client: RedisClient) => Promise<T>) => Promise<T>;
  /** Runs a script that changes something, which Redis does not carry out once its caller has given up. */
  readonly runInTime: (script: RedisScript, args: readonly (string | number)[]) => Promise<unknown>;
}
