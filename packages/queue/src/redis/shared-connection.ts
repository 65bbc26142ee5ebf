import type { HostAndPort, RedisTarget } from '@holdfast/redis-core';
import { setTimeout as delay } from 'node:timers/promises';
import { ConnectionWatch, type ConnectionObserver, type RedisClient } from './connection-watch.ts';

/** How long the end of a connection that is in use may take, for what was sent to be answered. */
const quitMs = 1000;

/** One connection that all queues of a backend use, and what is known of it. */
export class SharedConnection {
  readonly client: RedisClient;
  readonly watch: ConnectionWatch;

  constructor(client: RedisClient, target: RedisTarget, observer: ConnectionObserver) {
    this.client = client;
    this.watch = new ConnectionWatch(Promise.resolve(client), target, observer);
  }

  /** The sentinels have named another master. */
  switchTo(master: HostAndPort): void {
    this.watch.switchTo(master);
  }

  /** Ends within a second: QUIT to a Redis that does not answer would wait for ever. */
  async close(): Promise<void> {
    this.watch.settle();
    if (this.watch.ready !== undefined) {
      const patience = new AbortController();
      const expired = delay(quitMs, undefined, { signal: patience.signal, ref: false }).catch(() => undefined);
      await Promise.race([this.client.quit().catch(() => undefined), expired]);
      patience.abort();
    }
    this.client.disconnect();
  }
}
