import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually, spawnNode, uniquePrefix, useRedis, type SpawnedNode } from '../../src/index.ts';
import { root } from '../documents/pages.ts';
import { pnpm } from './pnpm.ts';

/** As infra/docker/Dockerfile makes them: what is compiled, with the packages that it needs, apart from the repository. */
let directory: string;
const deployed = (app: string): string => join(directory, app);
const mounted = (): string => join(directory, 'mounted');
const running: SpawnedNode[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-deployed-'));
  for (const app of ['api', 'worker']) {
    await pnpm(['--filter', `@holdfast/${app}`, 'deploy', '--prod', '--offline', deployed(app)]);
  }
  for (const part of ['holdfast.yaml', 'my-handlers']) {
    await cp(join(root, 'examples/handlers', part), join(mounted(), part), { recursive: true });
  }
});
afterAll(async () => {
  await Promise.all(running.map(async (node) => node.kill()));
  await rm(directory, { recursive: true, force: true });
});

const prefix = uniquePrefix('deployed');

function start(app: string, program: string): SpawnedNode {
  const node = spawnNode(join(deployed(app), program), {
    cwd: deployed(app),
    execArgs: [],
    env: {
      NODE_ENV: 'production',
      HOST: '127.0.0.1',
      PORT: '0',
      WORKER_PORT: '0',
      HOLDFAST_CONFIG: join(mounted(), 'holdfast.yaml'),
      HOLDFAST_DATA_DIR: join(directory, `${app}-data`),
      REDIS_URL: useRedis().url,
      REDIS_KEY_PREFIX: prefix,
    },
  });
  running.push(node);
  return node;
}

it('what the images hold runs handlers of a folder beside it, in which nothing is installed', async () => {
  const api = start('api', 'dist/server.js');
  await start('worker', 'dist/main.js').waitForLine(/"ready"/);
  const [, url = ''] = await api.waitForLine(/"address":"(http[^"]+)".*"ready"/);
  const added = await fetch(`${url}/v1/queues/mail/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ data: { to: 'ada@example.com', text: 'Hello.' }, options: { jobId: 'first' } }),
  });
  expect(added.status).toBe(201);
  await eventually(async () => {
    const job = await fetch(`${url}/v1/queues/mail/jobs/first`);
    expect(await job.json()).toMatchObject({ state: 'completed', result: { messageId: 'mail:first' } });
  });
});
