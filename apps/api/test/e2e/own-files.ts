import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { uniquePrefix, useRedis } from '@holdfast/testing';
import { afterEach, beforeEach } from 'vitest';
import { makeDataDir, type Env } from './system.ts';

export interface Installation {
  /** The absolute path of one of its files. */
  readonly path: (file: string) => string;
  readonly write: (files: Readonly<Record<string, string>>) => void;
  readonly embedded: () => Env;
  readonly onRedis: () => Env;
  /** A text with the paths of its files as they are written. */
  readonly relative: (text: string) => string;
}

/** An installation: a folder outside of the repository, with nothing installed in it. `remove` ends what runs there. */
export async function makeInstallation(): Promise<Installation & { remove(): Promise<void> }> {
  const home = await makeDataDir();
  const prefix = uniquePrefix('own-queues');
  const path = (file: string): string => join(home.path, file);
  const embedded = (): Env => ({ HOLDFAST_CONFIG: path('holdfast.yaml'), HOLDFAST_DATA_DIR: path('data') });
  return {
    path,
    write(files) {
      for (const [file, text] of Object.entries(files)) {
        mkdirSync(dirname(path(file)), { recursive: true });
        writeFileSync(path(file), text);
      }
    },
    embedded,
    onRedis: () => ({ ...embedded(), REDIS_URL: useRedis().url, REDIS_KEY_PREFIX: prefix }),
    relative: (text) => text.replaceAll(`${home.path}/`, ''),
    remove: () => home.remove(),
  };
}

/** An installation for each test. */
export function useInstallation(): Installation {
  let current: Awaited<ReturnType<typeof makeInstallation>>;
  beforeEach(async () => {
    current = await makeInstallation();
  });
  afterEach(async () => current.remove());
  return {
    path: (file) => current.path(file),
    write: (files) => current.write(files),
    embedded: () => current.embedded(),
    onRedis: () => current.onRedis(),
    relative: (text) => current.relative(text),
  };
}

/** A queue as a guide shows it, in TypeScript. */
export const queueFile = (name: string, { schema = 'Type.Object({ to: Type.String() })', more = '' } = {}): string => `
  import { defineQueue } from '@holdfast/queue';
  import { Type } from 'typebox';
  export default defineQueue({
    name: '${name}',
    description: 'Of the installation.',
    payload: ${schema},
    attempts: 3,
    timeoutMs: 30_000,
    concurrency: 5,
    retention: { completed: { count: 100 }, failed: { count: 100 } },
    ${more}
  });`;

/** Reports to its job, imports a file beside it, and refuses whoever is nowhere. */
export const mailHandler = `
  import { PermanentError, type RunningJob } from '@holdfast/queue';
  import { domainOf } from './domain.ts';
  export default async function send(job: RunningJob<{ to: string }>): Promise<object> {
    await job.log('to ' + job.data.to);
    await job.progress(50);
    job.signal.throwIfAborted();
    if (domainOf(job.data.to) === 'nowhere') throw new PermanentError('No such domain.', { code: 'NO_DOMAIN' });
    return { pid: process.pid };
  }`;

/** A whole installation, by the path of each file. */
export const mail = {
  'holdfast.yaml': 'handlers: ./my-handlers/*.ts\n',
  'my-handlers/mail.queue.ts': queueFile('mail'),
  'my-handlers/mail.handler.ts': mailHandler,
  'my-handlers/domain.ts': "export const domainOf = (address: string): string => address.split('@')[1] ?? '';",
};
