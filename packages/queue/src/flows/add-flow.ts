import type { QueueBackend } from '../port/backend.ts';
import { publishEvent } from '../job/channels.ts';
import { FlowConflictError, FlowUnsupportedError } from '../job/errors.ts';
import type { FlowJob, FlowResult } from './flow.ts';
import { planFlow, type FlowQueue } from './plan.ts';

/** See `Queues.addFlow`. */
export async function addFlow(
  flow: FlowJob,
  backend: Pick<QueueBackend, 'hasFlowsAcrossQueues'>,
  open: (queue: string) => FlowQueue,
): Promise<FlowResult> {
  const { jobs, root } = planFlow(flow, open);
  const queues = [...new Set(jobs.map(({ queue }) => queue.name))];
  if (queues.length > 1 && !backend.hasFlowsAcrossQueues) throw new FlowUnsupportedError(queues);
  const { handle } = open(flow.queue);
  const added = await handle.flows.add(jobs);
  if (added.outcome === 'conflict') throw new FlowConflictError(added.job);
  const duplicate = added.outcome === 'existed';
  for (const { queue: of } of duplicate ? jobs.slice(0, 1) : jobs) {
    publishEvent('holdfast:queue:job', () => ({ queue: of.name, event: duplicate ? 'duplicate' : 'added' }));
  }
  const isDelayed = (flow.options?.delayMs ?? 0) > 0;
  const state = duplicate
    ? await handle.call((queue) => queue.getJobState(root.id))
    : root.children.length > 0
      ? 'waiting-children'
      : isDelayed
        ? 'delayed'
        : 'prioritized';
  return { ...root, state, duplicate };
}
