import { spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findRedisBinary, isolateNetwork, spawnNode, whyNoNetworks } from '@holdfast/testing';
import type { Families, IsolatedNetwork, SpawnedNode } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeKey } from './fixture.ts';

/** What was compiled, as it starts sooner. */
const files = {
  api: new URL('../dist/server.js', import.meta.url),
  worker: new URL('../../worker/dist/main.js', import.meta.url),
};
const start = new URL('../../../scripts/start.mjs', import.meta.url);
const patient = { timeoutMs: 120_000 };
const whyNot = whyNoNetworks();
const reason = whyNot === undefined ? '' : ` (${whyNot})`;

const machines: readonly Families[] = ['IPv4', 'IPv6', 'IPv4 and IPv6'];

/** With the addresses that are bound where nobody says otherwise. */
describe.skipIf(whyNot !== undefined).each(machines)(
  `on a machine with %s${reason}`,
  { timeout: 180_000 },
  (families) => {
    let network: IsolatedNetwork;
    const ends: (() => unknown)[] = [];
    beforeAll(async () => {
      network = await isolateNetwork(families);
      const [command, ...args] = [...network.prefix, findRedisBinary(), '--bind', '*', '-::*'];
      const redis = spawn(command, [...args, '--protected-mode', 'no', '--save', ''], { stdio: 'ignore' });
      ends.push(() => redis.kill('SIGKILL'));
    });
    afterAll(async () => {
      for (const end of ends) await end();
      await network.close();
    });

    /** Starts nothing that does not reach its Redis under that name. */
    const run = (file: URL, redisHost: string, env: Readonly<Record<string, string>> = {}): SpawnedNode => {
      const redis = { REDIS_URL: `redis://${redisHost}:6379`, REDIS_ENABLE_FALLBACK: 'false' };
      const node = spawnNode(file, {
        cwd: mkdtempSync(join(tmpdir(), 'holdfast-addresses-')),
        execArgs: [],
        prefix: network.prefix,
        env: { PORT: '0', WORKER_PORT: '0', ...redis, ...env },
      });
      ends.push(() => node.kill());
      return node;
    };
    /** The address that the log names. */
    const ready = async (node: SpawnedNode): Promise<URL> => {
      const [, address = ''] = await node.waitForLine(/"(?:address|health)":"([^"]+)".*"ready"/, patient);
      return new URL(address);
    };
    const first = (): string => network.loopback[0] ?? '';
    const last = (): string => network.loopback.at(-1) ?? '';
    /** What each of them answers under each of the hosts, asked by one process. */
    const answers = async (addresses: readonly URL[], hosts: readonly string[]): Promise<unknown[]> => {
      const urls = addresses.flatMap(({ port }) => hosts.map((host) => `http://${host}:${port}/health/live`));
      return Object.values(await network.ask(urls));
    };

    it('an API without keys and a worker find their Redis, and are on loopback and nowhere else', async () => {
      const both = await Promise.all([ready(run(files.api, 'localhost')), ready(run(files.worker, first()))]);
      const [here, others] = [network.loopback, network.outside];
      expect(both.map(({ hostname }) => hostname)).toEqual([here[0], here[0]]);
      expect(await answers(both, [...here, ...others])).toEqual(
        both.flatMap(() => [...here.map(() => 200), ...others.map(() => 'ECONNREFUSED')]),
      );
    });

    it('an API with keys and a worker in production find it, and are reached by others, too', async () => {
      const env = { NODE_ENV: 'production', HOLDFAST_API_KEYS: makeKey('root', 'admin').entry };
      const both = await Promise.all([ready(run(files.api, last(), env)), ready(run(files.worker, 'localhost', env))]);
      expect(both.map(({ hostname }) => hostname)).toEqual([network.loopback[0], network.loopback[0]]);
      const all = [...network.loopback, ...network.outside];
      expect(await answers(both, all)).toEqual(both.flatMap(() => all.map(() => 200)));
    });
  },
);

describe.skipIf(whyNot !== undefined)(`npm start on a machine without IPv4${reason}`, { timeout: 180_000 }, () => {
  it('runs, and finds what it has started', async () => {
    const network = await isolateNetwork('IPv6');
    const node = spawnNode(start, {
      execArgs: [],
      prefix: network.prefix,
      env: { PORT: '3000', HOLDFAST_DATA_DIR: mkdtempSync(join(tmpdir(), 'holdfast-addresses-')) },
    });
    await node.waitForLine(/address +http:\/\/\[::1\]:3000/, patient);
    await node.waitForLine(/\d+ instances mirrored/, patient);
    expect(await node.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    await network.close();
  });
});

describe.skipIf(whyNot !== undefined)(
  `a port that is taken on one of two addresses${reason}`,
  { timeout: 180_000 },
  () => {
    it('is taken', async () => {
      const network = await isolateNetwork('IPv4 and IPv6');
      const run = (env: Readonly<Record<string, string>>): SpawnedNode =>
        spawnNode(files.api, {
          cwd: mkdtempSync(join(tmpdir(), 'holdfast-addresses-')),
          execArgs: [],
          prefix: network.prefix,
          env: { REDIS_URL: 'redis://127.0.0.1:1', ...env },
        });
      const other = run({ PORT: '3000', HOST: '::1' });
      await other.waitForLine(/"ready"/, patient);
      const node = run({ PORT: '3000' });
      expect(await node.exited).toEqual({ code: 98, signal: null });
      expect(node.lines.join('\n')).toContain('Port 3000 is taken by another process');
      await other.kill();
      await network.close();
    });
  },
);
