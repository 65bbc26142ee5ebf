import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, spawnNode, uniquePrefix, useRedis, type SpawnedNode } from '@holdfast/testing';
import { afterEach, describe, expect, it } from 'vitest';

const server = new URL('../src/server.ts', import.meta.url);
const nodes: SpawnedNode[] = [];
afterEach(async () => {
  await Promise.all(nodes.splice(0).map(async (node) => node.kill()));
});

function start(env: Record<string, string>, execArgs: readonly string[] = []): SpawnedNode {
  const node = spawnNode(server, {
    cwd: mkdtempSync(join(tmpdir(), 'holdfast-health-port-')),
    execArgs: ['--conditions=@holdfast/source', ...execArgs],
    env: { PORT: '0', REDIS_URL: useRedis().url, REDIS_KEY_PREFIX: uniquePrefix('health-port'), ...env },
  });
  nodes.push(node);
  return node;
}

async function ready(node: SpawnedNode): Promise<{ address: string; health: string }> {
  const [, address = '', health = ''] = await node.waitForLine(/"address":"([^"]+)".*"health":"([^"]+)".*"ready"/);
  return { address, health };
}

const probe = async (health: string, path: string) => {
  const answer = await fetch(`${health}${path}`);
  return [answer.status, await answer.json()];
};
const age = expect.any(Number) as unknown;

describe('HEALTH_PORT', () => {
  it('answers probes and scrapes, and nothing that needs a key', async () => {
    const { health } = await ready(start({ HEALTH_PORT: '0' }));
    expect(await probe(health, '/health/live')).toEqual([200, { status: 'ok', age }]);
    expect(await probe(health, '/health/ready')).toEqual([200, { status: 'ok', age }]);
    const metrics = await fetch(`${health}/metrics`);
    expect([metrics.status, metrics.headers.get('age')]).toEqual([200, '0']);
    expect(await metrics.text()).toMatch(/^holdfast_http_requests_in_flight 0$/m);
    for (const path of ['/health', '/v1/cache/prompts/k', '/openapi.json', '/']) {
      expect((await fetch(`${health}${path}`)).status, path).toBe(404);
    }
  });

  it('answers while the API is too busy to answer anybody', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'holdfast-health-port-')), 'idle');
    const keepsTheLoop = `
      import { existsSync, writeSync } from 'node:fs';
      process.on('SIGUSR2', () => {
        writeSync(1, 'busy\\n');
        while (!existsSync(${JSON.stringify(file)}));
      });`;
    const node = start({ HEALTH_PORT: '0' }, ['--import', `data:text/javascript,${encodeURIComponent(keepsTheLoop)}`]);
    const { address, health } = await ready(node);
    expect((await fetch(`${health}/metrics`)).status).toBe(200);
    node.signal('SIGUSR2');
    await node.waitForLine(/^busy/);
    let hasAnswered = false;
    const main = fetch(`${address}/health/live`).then(({ status }) => {
      hasAnswered = true;
      return status;
    });
    expect(await probe(health, '/health/live')).toEqual([200, { status: 'ok', age }]);
    expect(await probe(health, '/health/ready')).toEqual([200, { status: 'ok', age }]);
    expect(await (await fetch(`${health}/metrics`)).text()).toMatch(/^holdfast_metrics_age_seconds \d+\.\d+$/m);
    expect(hasAnswered).toBe(false);
    writeFileSync(file, '');
    expect(await main).toBe(200);
  });

  it('takes no process for dead whose jobs keep the event loop, as those of embedded mode may', async () => {
    const cwd = mkdtempSync(join(tmpdir(), 'holdfast-health-port-'));
    const file = join(cwd, 'idle');
    const definition = `{ name: 'numbers', description: 'Its jobs compute.', payload: Type.Object({}), attempts: 1,
      timeoutMs: 120_000, concurrency: 1, retention: { completed: { count: 1 }, failed: { count: 1 } } }`;
    writeFileSync(join(cwd, 'holdfast.yaml'), "handlers: ['./*.queue.ts', './*.handler.mjs']\n");
    writeFileSync(
      join(cwd, 'numbers.queue.ts'),
      `import { defineQueue } from '@holdfast/queue';
       import { Type } from 'typebox';
       export default defineQueue(${definition});`,
    );
    writeFileSync(
      join(cwd, 'numbers.handler.mjs'),
      `import { existsSync, writeSync } from 'node:fs';
       export default () => {
         writeSync(1, 'busy\\n');
         while (!existsSync(${JSON.stringify(file)}));
       };`,
    );
    const node = start({ HEALTH_PORT: '0', REDIS_URL: '', HOLDFAST_CONFIG: join(cwd, 'holdfast.yaml') });
    const { address, health } = await ready(node);
    const added = await fetch(`${address}/v1/queues/numbers/jobs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"data":{}}',
    });
    expect(added.status).toBe(201);
    await node.waitForLine(/^busy/);
    await eventually(async () => expect(await probe(health, '/health/ready')).toEqual([503, { status: 'down', age }]));
    expect(await probe(health, '/health/live')).toEqual([200, { status: 'ok', age }]);
    writeFileSync(file, '');
    await eventually(async () => expect(await probe(health, '/health/ready')).toEqual([200, { status: 'ok', age }]));
  });

  it('says so at once when the API begins to end', async () => {
    const node = start({ HEALTH_PORT: '0', SHUTDOWN_DELAY: '60s' });
    const { health } = await ready(node);
    node.signal('SIGTERM');
    await node.waitForLine(/shutting down/);
    await eventually(async () =>
      expect(await probe(health, '/health/ready')).toEqual([503, { status: 'closing', age }]),
    );
    expect(await probe(health, '/health/live')).toEqual([200, { status: 'ok', age }]);
  });

  it('is named where it cannot be opened', async () => {
    const { health } = await ready(start({ HEALTH_PORT: '0' }));
    const { port } = new URL(health);
    const second = start({ HEALTH_PORT: port });
    expect(await second.exited).toEqual({ code: 98, signal: null });
    expect(second.lines.join('\n')).toMatch(new RegExp(`Port ${port} is taken by another process.*HEALTH_PORT=`));
    const same = start({ PORT: '3900', HEALTH_PORT: '3900' });
    expect(await same.exited).toEqual({ code: 1, signal: null });
    expect(same.lines.join('\n')).toContain('HEALTH_PORT');
  });
});
