import { sourceSync } from '@holdfast/jobs';
import type { Queues } from '@holdfast/queue';

/**
 * When the schedule mirrors a source next, ISO 8601. `null` when none is scheduled, and also while the queue is away:
 * what the mirror holds can be told without it.
 */
export async function nextSync(queues: Queues, source: string): Promise<string | null> {
  try {
    return (await queues.schedules.get(sourceSync.name, source, { upcoming: 0 }))?.next ?? null;
  } catch {
    return null;
  }
}
