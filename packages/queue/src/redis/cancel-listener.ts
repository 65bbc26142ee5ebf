import { publishEvent } from '../job/channels.ts';
import type { FetchControl } from '../port/job-worker.ts';
import { isServerError } from './errors.ts';
import type { RedisClient } from './connection-watch.ts';

/** What BullMQ's type of a client does not know, because BullMQ does without it. */
interface SubscribingClient extends RedisClient {
  /** Of a single server: what was agreed on with it. */
  readonly condition?: { readonly protocol?: number } | null;
  subscribe(...channels: readonly string[]): Promise<unknown>;
  unsubscribe(...channels: readonly string[]): Promise<unknown>;
}

interface Listening {
  readonly queue: string;
  readonly workers: Set<FetchControl>;
}

/**
 * Listens to what `lua/cancel-job.lua` says, on the connection over which workers hand in their jobs: with RESP3 a
 * connection that subscribes can do everything else as well, so this costs a command a queue when its worker starts, one
 * for all queues when the connection is made anew, and nothing while workers are idle. (A cluster's client has a
 * connection for subscriptions anyway.) A server that only knows RESP2 is not listened to; there, as with any message that
 * is lost, a cancelled job is told by the next heartbeat.
 */
export class CancelListener {
  readonly #client: SubscribingClient;
  /** By channel. */
  readonly #channels = new Map<string, Listening>();

  constructor(client: RedisClient) {
    this.#client = client as SubscribingClient;
    this.#client.on('message', (channel: string, message: string) => this.#onMessage(channel, message));
    this.#client.on('ready', () => void this.#onReady());
  }

  /** @returns what ends that */
  listen(channel: string, queue: string, worker: FetchControl): () => void {
    const known = this.#channels.get(channel);
    if (known !== undefined) known.workers.add(worker);
    else {
      this.#channels.set(channel, { queue, workers: new Set([worker]) });
      if (this.#client.status === 'ready') void this.#subscribe([channel]);
    }
    return () => {
      const listening = this.#channels.get(channel);
      listening?.workers.delete(worker);
      if (listening?.workers.size !== 0) return;
      this.#channels.delete(channel);
      // One that is lost now asks for nothing of this when it is made again.
      if (this.#client.status === 'ready') void this.#client.unsubscribe(channel).catch(() => undefined);
    };
  }

  #onMessage(channel: string, message: string): void {
    // `<lock token> <id>`; a token has no spaces.
    const at = message.indexOf(' ');
    const token = message.slice(0, at);
    for (const { workerId, onCancelled } of this.#channels.get(channel)?.workers ?? []) {
      if (token.startsWith(`${workerId}:`)) onCancelled({ token, id: message.slice(at + 1) });
    }
  }

  async #onReady(): Promise<void> {
    const channels = [...this.#channels.keys()];
    if (channels.length > 0) await this.#subscribe(channels);
    for (const { workers } of this.#channels.values()) for (const { onReconnected } of workers) onReconnected();
  }

  async #subscribe(channels: readonly string[]): Promise<void> {
    if (!this.#client.isCluster && this.#client.condition?.protocol !== 3) return;
    try {
      await this.#client.subscribe(...channels);
    } catch (error) {
      // A connection that was lost is made again, and this with it; a Redis that refuses goes on doing so.
      if (!isServerError(error)) return;
      for (const channel of channels) {
        const queue = this.#channels.get(channel)?.queue;
        if (queue !== undefined) publishEvent('holdfast:queue:error', () => ({ queue, part: 'consumer', error }));
      }
    }
  }
}
