import { sourceSync } from '@holdfast/jobs';
import type { QueueBackend } from '@holdfast/queue';

/**
 * When the schedule mirrors a source next, ISO 8601. `null` when none is scheduled, and also while the queue is away:
 * what the mirror holds can be told without it.
 */
export async function nextSync(backend: QueueBackend, source: string): Promise<string | null> {
  try {
    const schedule = await backend.open(sourceSync.name).call((queue) => queue.getJobScheduler(source));
    return schedule?.next === undefined ? null : new Date(schedule.next).toISOString();
  } catch {
    return null;
  }
}
