import { BoundedLabel, type Instruments } from '@holdfast/telemetry';
import type { ModuleMetrics } from '../../module.ts';
import type { QueuesPart } from '../create.ts';
import { countBatches, measureBatches } from './batches.ts';
import { countJobs } from './jobs.ts';
import { countOutboxEvents, measureOutbox } from './outbox.ts';
import { measureQueues } from './readings.ts';
import { countStoreEvents } from './store.ts';

export function queueMetrics(instruments: Instruments): ModuleMetrics<QueuesPart> {
  const label = new BoundedLabel(200);
  const jobs = countJobs(label, instruments);
  const errors = countStoreEvents(label, instruments);
  countBatches(label, instruments);
  const outboxJobs = countOutboxEvents(label, instruments);
  return {
    read({ queues }) {
      for (const queue of queues.names()) {
        jobs.startAtZero({ queue });
        errors.startAtZero({ queue });
        if (queues.outbox !== undefined) outboxJobs.startAtZero({ queue });
      }
      measureQueues(queues, label, instruments);
      measureBatches(queues, instruments);
      // A process without an outbox exposes nothing of one: one that takes no jobs is not one that is full.
      if (queues.outbox !== undefined) measureOutbox(queues.outbox, instruments);
    },
  };
}
