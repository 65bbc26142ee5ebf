import { section, wholeNumber } from '@holdfast/config/part';
import { Type } from 'typebox';
import { queuesSchema, type FileQueue } from './queue-schema.ts';

/** What holdfast.yaml says of queues. */
export const queueSections = {
  queues: Type.Unsafe<Readonly<Record<string, FileQueue>>>(queuesSchema),
  outbox: section(
    {
      maxBytes: Type.Optional(
        wholeNumber(
          1_048_576,
          1_099_511_627_776,
          'Bytes of jobs that it takes; beyond it, adding a job answers 503. Default: 268435456.',
        ),
      ),
      maxJobs: Type.Optional(wholeNumber(1, 100_000_000, 'Jobs that it takes. Default: 1000000.')),
      minFreeBytes: Type.Optional(
        wholeNumber(0, 1_099_511_627_776, 'Bytes of its disk that it leaves free. Default: 67108864.'),
      ),
    },
    'Where an API process keeps jobs while their Redis is away: a file in HOLDFAST_DATA_DIR.',
  ),
} as const;
