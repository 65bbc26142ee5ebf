import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnNode, uniquePrefix, useRedis } from '@holdfast/testing';

/** The API as a process, with keys of its own. */
export interface Service {
  readonly url: string;
  /** What it says of itself at /openapi.json. */
  readonly document: string;
  /** Of its own, removed at its end. */
  readonly folder: string;
  stop(): Promise<void>;
}

export async function startService(): Promise<Service> {
  const cwd = await mkdtemp(join(tmpdir(), 'holdfast-openapi-'));
  const node = spawnNode(new URL('../../../apps/api/src/server.ts', import.meta.url), {
    cwd,
    env: { PORT: '0', REDIS_URL: useRedis().url, REDIS_KEY_PREFIX: uniquePrefix('openapi') },
  });
  const [, url = ''] = await node.waitForLine(/"address":"([^"]+)".*"ready"/);
  const response = await fetch(new URL('/openapi.json', url));
  if (!response.ok) throw new Error(`/openapi.json answers ${response.status}.`);
  return {
    url,
    document: await response.text(),
    folder: cwd,
    async stop() {
      await node.kill('SIGTERM');
      await rm(cwd, { recursive: true, force: true });
    },
  };
}
