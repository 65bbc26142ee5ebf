import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { uniquePrefix, useRedis } from '@holdfast/testing';
import { afterAll, describe } from 'vitest';
import { createEmbeddedBackend } from '../../src/embedded.ts';
import { createRedisBackend } from '../../src/index.ts';
import { definitionsFor } from './definitions.ts';
import { describeRemoving } from './describe-removing.ts';
import { useAdmin } from './use-admin.ts';

const definitions = definitionsFor('cancelled parents children ticking throttled patient behind lists');

describe('leaving a queue on redis', () => {
  const { host, port, db } = useRedis();
  const target = { kind: 'standalone', host, port, db } as const;
  describeRemoving(
    useAdmin(async () => createRedisBackend({ target, keyPrefix: uniquePrefix('removing') }), definitions),
  );
});

describe('leaving a queue on the embedded backend', () => {
  let directory: string;
  describeRemoving(
    useAdmin(async () => {
      directory = await mkdtemp(join(tmpdir(), 'holdfast-removing-'));
      return createEmbeddedBackend({ directory });
    }, definitions),
  );
  afterAll(async () => rm(directory, { recursive: true, force: true }));
});
