import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { createEmbeddedBackend } from '../src/index.ts';
import { describeQueueBackend } from './describe-queue-backend.ts';

const directory = mkdtempSync(join(tmpdir(), 'holdfast-embedded-'));

describeQueueBackend('embedded', async () => createEmbeddedBackend({ directory }));

afterAll(() => rmSync(directory, { recursive: true, force: true }));
