import { mkdtempSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, spawnNode, uniquePrefix, useRedis, type SpawnedNode } from '@holdfast/testing';
import { expect, it } from 'vitest';
import { Balancer, type Backend } from './balancer.ts';

const server = new URL('../src/server.ts', import.meta.url);
const clients = 20;

const prefix = uniquePrefix('rolling');

async function start(): Promise<{ readonly node: SpawnedNode; readonly backend: Backend }> {
  const node = spawnNode(server, {
    cwd: mkdtempSync(join(tmpdir(), 'holdfast-rolling-')),
    env: { PORT: '0', REDIS_URL: useRedis().url, REDIS_KEY_PREFIX: prefix, HEALTH_PORT: '0', SHUTDOWN_DELAY: '2s' },
  });
  const [, address = '', health = ''] = await node.waitForLine(/"address":"([^"]+)".*"health":"([^"]+)".*"ready"/);
  return { node, backend: { port: portOf(address), probePort: portOf(health) } };
}

const portOf = (address: string): number => Number(new URL(address).port);

/** Clients that send the next request as soon as they have an answer, each over one connection for as long as that is kept. */
class Load {
  readonly failures: string[] = [];
  answered = 0;
  readonly #port: number;
  #isOver = false;
  readonly #clients: Promise<void>[];

  constructor(port: number) {
    this.#port = port;
    this.#clients = Array.from({ length: clients }, async () => this.#run());
  }

  /** Resolves when so many more requests were answered. */
  async goesOn(more = 100 * clients): Promise<void> {
    const wanted = this.answered + more;
    await eventually(() => expect(this.answered).toBeGreaterThan(wanted));
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#clients);
  }

  async #run(): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    while (!this.#isOver) {
      const outcome = await send(agent, this.#port);
      if (outcome === 200) this.answered += 1;
      else this.failures.push(String(outcome));
    }
    agent.destroy();
  }
}

async function send(agent: Agent, port: number): Promise<number | undefined | string> {
  const { promise, resolve } = Promise.withResolvers<number | undefined | string>();
  request({ agent, host: '127.0.0.1', port, path: '/v1/cache/prompts/k' }, (response) => {
    response.on('error', (error) => resolve(`answer: ${error.message}`));
    response.on('end', () => resolve(response.statusCode)).resume();
  })
    .on('error', (error) => resolve(error.message))
    .end();
  return promise;
}

it('two processes are replaced one after the other under load, and no request fails', async () => {
  const balancer = await Balancer.listen();
  const old = await Promise.all([start(), start()]);
  for (const { backend } of old) balancer.add(backend);
  await eventually(() => expect(old.every(({ backend }) => balancer.isReady(backend))).toBe(true));
  const [first] = old;
  const put = await fetch(`http://127.0.0.1:${first.backend.port}/v1/cache/prompts/k`, { method: 'PUT', body: 'x' });
  expect(put.ok).toBe(true);

  const load = new Load(balancer.port);
  const fresh: SpawnedNode[] = [];
  for (const { node, backend } of old) {
    await load.goesOn();
    const next = await start();
    fresh.push(next.node);
    balancer.add(next.backend);
    await eventually(() => expect(balancer.isReady(next.backend)).toBe(true));
    expect(await node.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    balancer.remove(backend);
  }
  await load.goesOn();
  await load.stop();
  expect(load.failures).toEqual([]);
  await balancer.close();
  await Promise.all(fresh.map(async (node) => node.kill('SIGTERM')));
});
