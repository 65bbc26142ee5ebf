import type { QueueChannels, QueueJobEvent } from '@holdfast/queue';
import type { BoundedLabel, Counter, Instruments } from '@holdfast/telemetry';

/** The values of the label `event`; docs/reference/metrics.md says what each means. */
const events = [
  'added',
  'duplicate',
  'started',
  'completed',
  'failed',
  'retrying',
  'stalled',
  'rescued',
  'crashed',
  'cancelled',
  'expired',
  'superseded',
] as const;
const ends = ['completed', 'failed', 'cancelled', 'expired'] as const;
const buckets = [0.005, 0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600];

/** Counts what happens to jobs in this process. */
export function countJobs(
  queue: BoundedLabel,
  instruments: Instruments,
): Counter<{ readonly queue: string; readonly event: QueueJobEvent['event'] }> {
  const jobs = instruments.counter({
    name: 'holdfast_jobs_total',
    help: 'What happened to jobs, in this process.',
    labels: { queue, event: events },
  });
  const wait = instruments.histogram({
    name: 'holdfast_job_wait_seconds',
    help: 'Time from when a job could run until it did.',
    labels: { queue },
    buckets,
  });
  const duration = instruments.histogram({
    name: 'holdfast_job_duration_seconds',
    help: 'How long an attempt ran.',
    labels: { queue, outcome: events },
    buckets,
  });
  const attempts = instruments.histogram({
    name: 'holdfast_job_attempts',
    help: 'How many attempts it took until the job ended.',
    labels: { queue, outcome: ends },
    buckets: [1, 2, 3, 4, 5, 8, 12, 20, 50, 100],
  });
  instruments.channels<QueueChannels>().on('holdfast:queue:job', (job) => {
    jobs.add(1, { queue: job.queue, event: job.event });
    const end = ends.find((each) => each === job.event);
    if (job.attempts !== undefined && end !== undefined) {
      attempts.observe(job.attempts, { queue: job.queue, outcome: end });
    }
    if (job.waitMs !== undefined) wait.observe(Math.max(0, job.waitMs) / 1000, { queue: job.queue });
    if (job.durationMs !== undefined) {
      duration.observe(job.durationMs / 1000, { queue: job.queue, outcome: job.event });
    }
  });
  return jobs;
}
