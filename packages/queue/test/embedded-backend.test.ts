import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { createEmbeddedBackend, type QueueBackend } from '../src/index.ts';
import { describeQueueBackend } from './describe-queue-backend.ts';
import { describeAddingOnce } from './producing/describe-adding-once.ts';

const directory = mkdtempSync(join(tmpdir(), 'holdfast-embedded-'));

const create = async (): Promise<QueueBackend> => createEmbeddedBackend({ directory });

describeQueueBackend('embedded', create);
describeAddingOnce('embedded', create);

afterAll(() => rmSync(directory, { recursive: true, force: true }));
