import { BoundedLabel, type Instruments } from '@holdfast/telemetry';
import type { QueuesPart } from '../create.ts';
import { measureBatches } from './batches.ts';
import { countJobs } from './jobs.ts';
import { countOutboxEvents, measureOutbox } from './outbox.ts';
import { measureQueues } from './readings.ts';
import { measureStore } from './store.ts';

export function queueMetrics({ queues, backend }: QueuesPart, instruments: Instruments): void {
  const label = new BoundedLabel(200);
  const jobs = countJobs(label, instruments);
  measureStore(backend, label, instruments);
  measureQueues(queues, { label, jobs }, instruments);
  measureBatches(queues, label, instruments);
  countOutboxEvents(label, instruments);
  // A process without an outbox exposes nothing of one: one that takes no jobs is not one that is full.
  if (queues.outbox !== undefined) measureOutbox(queues.outbox, instruments);
}
