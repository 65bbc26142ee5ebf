import { says, section, wholeNumber } from '@holdfast/config/part';
import { Type } from 'typebox';
import { queuesSchema, type FileQueue } from './queue-schema.ts';

/** What holdfast.yaml says of queues. */
export const queueSections = {
  queues: Type.Unsafe<Readonly<Record<string, FileQueue>>>(queuesSchema),
  handlers: Type.Union([Type.String({ minLength: 1 }), Type.Array(Type.String({ minLength: 1 }), { minItems: 1 })], {
    ...says(
      'a glob, a folder, the name of a package, or a list of them',
      'Where the files of queues with code of your own are (`mail.queue.ts` and `mail.handler.ts`): a glob, a file or a folder, relative to this file; the name of a package that is installed beside it; or a list of them.',
    ),
  }),
  producer: section(
    {
      addBatchSize: Type.Optional(
        wholeNumber(
          1,
          50,
          'How many of the jobs that are added in one moment are sent as one command at most; 1 sends each by itself. Default: 50.',
        ),
      ),
    },
    'How jobs are added.',
  ),
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
