import type { Outbox, QueueChannels, OutboxEvent } from '@holdfast/queue';
import type { BoundedLabel, Counter, Gauge, Instruments } from '@holdfast/telemetry';

/** Counts what becomes of jobs whose store is away. */
export function countOutboxEvents(
  queue: BoundedLabel,
  instruments: Instruments,
): Counter<{ readonly queue: string; readonly event: OutboxEvent['event'] }> {
  const events = instruments.counter({
    name: 'holdfast_outbox_jobs_total',
    help: 'What happened to jobs whose store was away, in this process.',
    labels: { queue, event: ['accepted', 'refused', 'forwarded', 'known', 'set-aside'] },
  });
  instruments.channels<QueueChannels>().on('holdfast:queue:outbox', ({ queue: name, event, count }) => {
    events.add(count, { queue: name, event });
  });
  return events;
}

/** What this process keeps while the store is away. */
export function measureOutbox(outbox: Pick<Outbox, 'status'>, instruments: Instruments): void {
  const gauge = (name: string, help: string): Gauge<object> => instruments.gauge({ name, help });
  const jobs = instruments.gauge({
    name: 'holdfast_outbox_jobs',
    help: 'Jobs on the disk of this process, by state.',
    labels: { state: ['waiting', 'set-aside'] },
  });
  const bytes = gauge('holdfast_outbox_bytes', 'What those jobs take.');
  const maxBytes = gauge('holdfast_outbox_max_bytes', 'What they may take.');
  const oldest = gauge('holdfast_outbox_oldest_age_seconds', 'How long the oldest has waited; 0 when none waits.');
  const accepting = gauge('holdfast_outbox_accepting', '1 while a job would be taken, 0 while it would be refused.');
  instruments.onScrape(() => {
    const { status } = outbox;
    jobs.set(status.waiting, { state: 'waiting' });
    jobs.set(status.setAside, { state: 'set-aside' });
    bytes.set(status.bytes);
    maxBytes.set(status.maxBytes);
    oldest.set(status.oldestAgeMs / 1000);
    accepting.set(status.accepting ? 1 : 0);
  });
}
