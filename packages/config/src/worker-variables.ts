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
  WORKER_PROFILE: withDefault(
    groups.jobs,
    oneOf(['default', 'low-cost']),
    'default',
    'How closely a worker watches its queues. `low-cost` sends at most 10 commands a minute and queue to an idle Redis; the jobs of a worker that died then run again within 90 s instead of 10 s, and a running job whose worker was cut off learns within 20 s instead of 2 s that it was given to another.',
  ),
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
