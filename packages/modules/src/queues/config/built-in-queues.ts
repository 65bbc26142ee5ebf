import { builtInQueues } from '@holdfast/jobs';

/** The queues that are there without a configuration. */
export const builtInQueueNames: readonly string[] = builtInQueues.map(({ name }) => name);
