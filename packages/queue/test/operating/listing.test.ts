import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { uniquePrefix, useRedis } from '@holdfast/testing';
import { afterAll } from 'vitest';
import { createRedisBackend } from '../../src/index.ts';
import { createEmbeddedBackend } from '../../src/embedded.ts';
import { describeListing } from './describe-listing.ts';

const { host, port, db } = useRedis();
describeListing('redis', async () =>
  createRedisBackend({ target: { kind: 'standalone', host, port, db }, keyPrefix: uniquePrefix('listing') }),
);

const directories: string[] = [];
describeListing('embedded', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-listing-'));
  directories.push(directory);
  return createEmbeddedBackend({ directory });
});
afterAll(async () => {
  for (const directory of directories) await rm(directory, { recursive: true, force: true });
});
