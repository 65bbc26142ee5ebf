import type { Redis } from 'ioredis';
import type { HostAndPort } from '../connection.ts';
import type { Unsubscribe } from '../engine.ts';
import { FollowedMaster } from './failover-watch.ts';
import { endClient } from './ioredis-client.ts';

/** The second connection, opened with the first subscription: a connection that subscribes can do nothing else. */
export class Subscriber {
  readonly #create: () => Redis;
  readonly #listeners = new Map<string, Set<(message: Buffer) => void>>();
  readonly #followed = new FollowedMaster();
  #client: Redis | undefined;

  constructor(create: () => Redis) {
    this.#create = create;
  }

  async subscribe(channel: string, listener: (message: Buffer) => void): Promise<Unsubscribe> {
    const client = (this.#client ??= this.#open());
    let listeners = this.#listeners.get(channel);
    if (listeners === undefined) {
      listeners = new Set();
      this.#listeners.set(channel, listeners);
    }
    listeners.add(listener);
    const unsubscribe = (): void => this.#remove(channel, listener);
    try {
      if (client.status !== 'ready') await becomesReady(client);
      await client.subscribe(channel);
      return unsubscribe;
    } catch (error) {
      unsubscribe();
      throw error;
    }
  }

  /** The sentinels have named another master, where everybody else publishes from now on. */
  switchTo(master: HostAndPort): void {
    this.#followed.announced(master, this.#client);
  }

  close(): void {
    this.#listeners.clear();
    if (this.#client !== undefined) endClient(this.#client);
    this.#client = undefined;
  }

  #open(): Redis {
    const client = this.#create();
    client.on('error', () => undefined); // Reconnecting is automatic; the command connection reports the outage.
    client.on('ready', () => this.#followed.connected(client));
    client.on('messageBuffer', (channel: Buffer, message: Buffer) => {
      for (const listener of this.#listeners.get(channel.toString()) ?? []) listener(message);
    });
    client.connect().catch(() => undefined); // Reconnecting is automatic here, too.
    return client;
  }

  #remove(channel: string, listener: (message: Buffer) => void): void {
    const listeners = this.#listeners.get(channel);
    listeners?.delete(listener);
    if (listeners?.size === 0) {
      this.#listeners.delete(channel);
      // Where it cannot be said, the connection is gone, and its subscriptions with it.
      this.#client?.unsubscribe(channel).catch(() => undefined);
    }
  }
}

function becomesReady(client: Redis): Promise<void> {
  return new Promise((resolve, reject) => {
    client.once('ready', () => resolve());
    client.once('end', () => reject(new Error('The connection is closed.')));
  });
}
