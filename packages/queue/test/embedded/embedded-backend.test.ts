import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { type QueueBackend } from '../../src/index.ts';
import { createEmbeddedBackend } from '../../src/embedded.ts';
import { describeQueueBackend } from '../port/describe-queue-backend.ts';
import { describeAddMany } from '../producing/describe-add-many.ts';
import { describeAddingOnce } from '../producing/describe-adding-once.ts';
import { describeCoalescing } from '../producing/describe-coalescing.ts';
import { describeDeduplication } from '../producing/describe-deduplication.ts';
import { describeSchedules } from '../schedules/describe-schedules.ts';

const directory = mkdtempSync(join(tmpdir(), 'holdfast-embedded-'));

const create = async (): Promise<QueueBackend> => createEmbeddedBackend({ directory });

describeQueueBackend('embedded', create);
describeAddingOnce('embedded', create);
describeAddMany('embedded', create);
describeDeduplication('embedded', create);
describeCoalescing('embedded', create);
describeSchedules('embedded', create);

afterAll(() => rmSync(directory, { recursive: true, force: true }));
