import { subscribe, unsubscribe, type ChannelListener } from 'node:diagnostics_channel';
import type { QueueChannels, QueueErrorEvent } from '@holdfast/queue';
import type { RedisChannels } from '@holdfast/redis-core';
import type { Logger } from '@holdfast/telemetry';
import { RepeatedErrors } from './repeated-errors.ts';

type Channels = Pick<QueueChannels, 'holdfast:queue:error' | 'holdfast:queue:availability' | 'holdfast:queue:outbox'> &
  Pick<RedisChannels, 'holdfast:redis:availability' | 'holdfast:redis:node'>;

/**
 * Libraries log nothing: what they publish about lost connections and background errors is logged here. That a store
 * went or came is logged once; errors that repeat, as those of each attempt to reconnect do, once a minute with their
 * number. `holdfast_queue_errors_total` counts them all.
 *
 * @param now milliseconds; for tests
 * @returns what ends that
 */
export function logLibraryErrors(logger: Logger, now: () => number = Date.now): () => void {
  const repeated = new RepeatedErrors(now);
  const logQueueError = ({ queue, part, error }: QueueErrorEvent): void => {
    const isNetwork = networkCodeOf(error) !== undefined;
    const count = repeated.note(networkCodeOf(error) ?? `${queue} ${part} ${error.message}`);
    if (count === 0) return;
    // A stack tells where our own code was; of a connection that was refused it tells nothing.
    if (isNetwork) logger.warn({ queue, part, reason: error.message, count }, 'queue connection error');
    else logger.warn({ queue, part, err: error, count }, 'queue error');
  };
  const listeners: { readonly [Name in keyof Channels]: (event: Channels[Name]) => void } = {
    'holdfast:queue:error': logQueueError,
    'holdfast:queue:availability': ({ available, reason }) => {
      if (available) logger.info('the store of the queues is connected');
      else logger.warn({ reason }, 'the store of the queues is away');
    },
    'holdfast:queue:outbox': ({ queue, event, code }) => {
      if (event !== 'set-aside' && event !== 'refused') return;
      const count = repeated.note(`outbox ${event} ${queue} ${code ?? ''}`);
      if (count === 0) return;
      // Whoever added a job that is set aside was told nothing but yes, so somebody has to read this.
      const what =
        event === 'refused' ? 'jobs are refused: the outbox cannot keep them' : 'jobs of the outbox are set aside';
      logger.error({ queue, code, count }, what);
    },
    'holdfast:redis:availability': ({ connection, available, reason }) => {
      if (available) logger.info({ connection }, 'Redis is connected');
      // We closed it ourselves.
      else if (reason === 'closed') logger.debug({ connection }, 'the connection to Redis is closed');
      else logger.warn({ connection, reason }, 'Redis is away');
    },
    'holdfast:redis:node': ({ connection, node, available, reason, hasLeft }) => {
      if (hasLeft === true) logger.info({ connection, node }, 'a master that was away serves no slots any more');
      else if (available) logger.info({ connection, node }, 'a master of the cluster is back');
      else logger.warn({ connection, node, reason }, 'a master of the cluster is away; the others serve their slots');
    },
  };
  const added = Object.entries(listeners).map(([name, listener]) => {
    const onMessage: ChannelListener = (event) => (listener as (event: unknown) => void)(event);
    subscribe(name, onMessage);
    return () => unsubscribe(name, onMessage);
  });
  return () => {
    for (const remove of added) remove();
  };
}

/** `ECONNREFUSED` and its like, which all connections of a process report at once. */
function networkCodeOf(error: Error): string | undefined {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && /^E[A-Z]+$/.test(code) ? code : undefined;
}
