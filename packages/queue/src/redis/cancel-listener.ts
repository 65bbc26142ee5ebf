import type { IQueueBackend } from 'bullmq';
import { publishEvent } from '../job/channels.ts';
import type { FetchControl } from '../port/job-worker.ts';
import { isServerError } from './errors.ts';
import type { RedisClient } from './connection-watch.ts';

/** What BullMQ's type of a client does not know, because BullMQ does without it. */
interface SubscribingClient extends RedisClient {
  /** Of a single server: what was agreed on with it. */
  readonly condition?: { readonly protocol?: number } | null;
  subscribe(channel: string): Promise<unknown>;
}

/**
 * Listens to what `lua/cancel-job.lua` says, on the connection over which the worker hands in its jobs: with RESP3 a
 * connection that subscribes can do everything else as well, so this costs one command a connection, and nothing while
 * the worker is idle. (A cluster's client has a connection for subscriptions anyway.) A server that only knows RESP2 is
 * not listened to; there, as with any message that is lost, a cancelled job is told by the next heartbeat.
 */
export function listenForCancels(
  backend: IQueueBackend & { readonly client: Promise<RedisClient> },
  queue: string,
  { workerId, onCancelled, onReconnected }: FetchControl,
): void {
  const channel = backend.toKey('hf:cancel');
  const listen = async (client: SubscribingClient): Promise<void> => {
    if (!client.isCluster && client.condition?.protocol !== 3) return;
    try {
      await client.subscribe(channel);
    } catch (error) {
      // A connection that was lost is made again, and this with it; a Redis that refuses goes on doing so.
      if (isServerError(error)) publishEvent('holdfast:queue:error', () => ({ queue, part: 'consumer', error }));
    }
  };
  const follow = (client: SubscribingClient): void => {
    client.on('message', (from: string, message: string) => {
      // `<lock token> <id>`; a token has no spaces.
      const at = message.indexOf(' ');
      const token = message.slice(0, at);
      if (from === channel && token.startsWith(`${workerId}:`)) onCancelled({ token, id: message.slice(at + 1) });
    });
    client.on('ready', () => void listen(client).then(onReconnected));
    void listen(client);
  };
  // Where it cannot be made, the worker says so.
  backend.client.then((client) => follow(client as SubscribingClient)).catch(() => undefined);
}
