import { describe } from 'vitest';
import type { QueueBackend } from '../../src/index.ts';
import { definitionsFor } from './definitions.ts';
import { describeJobActions } from './describe-job-actions.ts';
import { describePages } from './describe-pages.ts';
import { describeQueueActions } from './describe-queue-actions.ts';
import { useAdmin } from './use-admin.ts';

const definitions = definitionsFor(
  'paged states named moving plain refused large actions paused drained cleaned old scheduled busy',
);

export function describeListing(kind: string, create: () => Promise<QueueBackend>): void {
  describe(`jobs of a queue on the ${kind} backend`, () => {
    const test = useAdmin(create, definitions);
    describePages(test);
    describeJobActions(test);
    describeQueueActions(test);
  });
}
