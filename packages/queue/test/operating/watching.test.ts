import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { uniquePrefix, useRedis } from '@holdfast/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { createRedisBackend, parseEventPosition } from '../../src/index.ts';
import { createEmbeddedBackend } from '../../src/embedded.ts';
import { describeWatching } from './describe-watching.ts';

const { host, port, db } = useRedis();
describeWatching('redis', async () =>
  createRedisBackend({ target: { kind: 'standalone', host, port, db }, keyPrefix: uniquePrefix('watching') }),
);

const directories: string[] = [];
describeWatching('embedded', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-watching-'));
  directories.push(directory);
  return createEmbeddedBackend({ directory });
});
afterAll(async () => {
  for (const directory of directories) await rm(directory, { recursive: true, force: true });
});

describe('the position in a stream of events', () => {
  it.each<[string, unknown]>([
    ['1700000000000-3.12', { eventId: '1700000000000-3', lines: 12, hasEnded: false }],
    ['1700000000000-3', { eventId: '1700000000000-3', lines: undefined, hasEnded: false }],
    ['42.0.end', { eventId: '42', lines: 0, hasEnded: true }],
    ['', undefined],
    ['$', undefined],
    ['1-2-3', undefined],
    ['99999999999999999999-0', undefined],
    ['1.x', undefined],
  ])('%j', (text, expected) => {
    expect(parseEventPosition(text)).toEqual(expected);
  });
});
