import { subscribe, unsubscribe, type ChannelListener } from 'node:diagnostics_channel';
import type { QueueChannels, QueueErrorEvent } from '@holdfast/queue';
import { faultKindOf, withoutArguments, type RedisChannels, type RedisLimitEvent } from '@holdfast/redis-core';
import type { Logger } from '@holdfast/telemetry';
import { OutageLog } from './log-outages.ts';
import { RepeatedErrors } from './repeated-errors.ts';

type Channels = Pick<QueueChannels, 'holdfast:queue:error' | 'holdfast:queue:availability' | 'holdfast:queue:outbox'> &
  Pick<RedisChannels, 'holdfast:redis:availability' | 'holdfast:redis:node' | 'holdfast:redis:limit'>;

/**
 * Libraries log nothing: what they publish about lost connections and background errors is logged here. That a store
 * went or came is logged once, with the reason; errors that repeat once a minute with their number. `holdfast_queue_errors_total` counts them all.
 *
 * @param now milliseconds; for tests
 * @returns what ends that
 */
export function logLibraryErrors(logger: Logger, now: () => number = Date.now): () => void {
  const repeated = new RepeatedErrors(now);
  const outages = new OutageLog(logger, now);
  /** What is known to be refused, by address and kind: the cache and the durable store may be one Redis. */
  const limits = new Set<string>();
  const logLimit = ({ connection, address, kind, reason }: RedisLimitEvent): void => {
    const key = `${kind} ${address}`;
    if (reason === undefined) {
      if (limits.delete(key)) logger.info({ connection, address, limit: kind }, 'Redis grants what it had refused');
    } else if (!limits.has(key)) {
      limits.add(key);
      logger.warn({ connection, address, limit: kind, reason }, 'Redis refuses something that can be done without');
    }
  };
  const logQueueError = ({ queue, part, error }: QueueErrorEvent): void => {
    const fault = faultKindOf(error);
    const count = repeated.note(fault === 'other' ? `${queue} ${part} ${error.message}` : `${fault} ${error.message}`);
    if (count === 0) return;
    const reason = withoutArguments(error.message);
    // Each connection says so at each attempt to connect; that the store is away, and why, was told once.
    if (fault !== 'other' && fault !== 'forbidden')
      logger.debug({ queue, part, reason, count }, 'queue connection error');
    // A stack tells where our own code was; of what Redis forbids it tells nothing.
    else if (fault === 'forbidden')
      logger.error({ queue, part, reason, count }, 'Redis refuses a command of the queue');
    else logger.warn({ queue, part, err: error, count }, 'queue error');
  };
  const listeners: { readonly [Name in keyof Channels]: (event: Channels[Name]) => void } = {
    'holdfast:queue:error': logQueueError,
    'holdfast:queue:availability': (event) => {
      if (event.address !== undefined) outages.note({ connection: 'queue', ...event });
      else if (event.available) logger.info('the store of the queues is open');
      else logger.warn({ reason: event.reason }, 'the store of the queues is away');
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
    'holdfast:redis:availability': (event) => outages.note(event),
    'holdfast:redis:limit': logLimit,
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
