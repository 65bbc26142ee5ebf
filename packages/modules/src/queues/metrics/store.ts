import type { QueueChannels, QueueErrorEvent } from '@holdfast/queue';
import type { BoundedLabel, Counter, Instruments } from '@holdfast/telemetry';

/** Notes whether the store of the queues is there, and counts what goes wrong with it in the background. */
export function countStoreEvents(
  queue: BoundedLabel,
  instruments: Instruments,
): Counter<{ readonly queue: string; readonly part: QueueErrorEvent['part'] }> {
  const up = instruments.gauge({
    name: 'holdfast_queue_store_up',
    help: '1 while the store of the queues is connected, 0 while it is not.',
  });
  const errors = instruments.counter({
    name: 'holdfast_queue_errors_total',
    help: 'Background errors of queues and workers, such as a lost connection.',
    labels: { queue, part: ['producer', 'consumer', 'events', 'database'] },
  });
  const channels = instruments.channels<QueueChannels>();
  channels.on('holdfast:queue:availability', ({ available }) => up.set(available ? 1 : 0));
  channels.on('holdfast:queue:error', ({ queue: name, part }) => errors.add(1, { queue: name, part }));
  return errors;
}
