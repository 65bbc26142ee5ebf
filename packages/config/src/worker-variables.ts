import { profiles } from './profile.ts';
import { hostName, integer, oneOf } from './value-types.ts';
import { groups, optional, withDefault } from './variable.ts';

/** The process that works on jobs. What is a queue's own is declared where the queues are. */
export const workerVariables = {
  MAX_CONCURRENT_JOBS: withDefault(
    groups.jobs,
    integer(1, 1000),
    '20',
    'How many jobs a worker runs at once, over all queues.',
  ),
  WORKER_PROFILE: optional(groups.jobs, oneOf(profiles), 'Another name of HOLDFAST_PROFILE.', { example: 'low-cost' }),
  WORKER_PORT: withDefault(
    groups.jobs,
    integer(0, 65_535),
    '3001',
    'Port of the worker’s health and metrics. 0 takes any free port.',
  ),
  WORKER_HOST: optional(
    groups.jobs,
    hostName,
    'Address of the worker’s health and metrics, as in `HOST`. Nothing there needs a key, and nothing there shows data.',
    { fallbackNote: '`::` in production, otherwise `localhost`', example: '::' },
  ),
} as const;
