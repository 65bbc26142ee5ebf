import { spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, findRedisBinary, isolateNetwork, spawnNode, whyNoNetworks } from '@holdfast/testing';
import type { Families, IsolatedNetwork, SpawnedNode } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeKey } from './fixture.ts';

const files = {
  api: new URL('../src/server.ts', import.meta.url),
  worker: new URL('../../worker/src/main.ts', import.meta.url),
};
const start = new URL('../../../scripts/start.mjs', import.meta.url);
const patient = { timeoutMs: 60_000, intervalMs: 200 };
const whyNot = whyNoNetworks();
const reason = whyNot === undefined ? '' : ` (${whyNot})`;

const machines: readonly Families[] = ['IPv4', 'IPv6', 'IPv4 and IPv6'];

/** With the addresses that are bound where nobody says otherwise. */
describe.skipIf(whyNot !== undefined).each(machines)(
  `on a machine with %s${reason}`,
  { timeout: 90_000 },
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

    const run = (file: URL, env: Readonly<Record<string, string>>): SpawnedNode => {
      const node = spawnNode(file, {
        cwd: mkdtempSync(join(tmpdir(), 'holdfast-addresses-')),
        prefix: network.prefix,
        env: { PORT: '0', WORKER_PORT: '0', REDIS_URL: `redis://${network.loopback[0]}:6379`, ...env },
      });
      ends.push(() => node.kill());
      return node;
    };
    /** The address that the log names. */
    const ready = async (node: SpawnedNode): Promise<URL> => {
      const [, address = ''] = await node.waitForLine(/"(?:address|health)":"([^"]+)".*"ready"/, patient);
      return new URL(address);
    };
    const everywhere = (hosts: readonly string[], { port }: URL): string[] =>
      hosts.map((host) => `http://${host}:${port}/health/live`);
    const answers = async (urls: readonly string[]) => Object.values(await network.ask(urls));

    it('an API without keys and a worker are on loopback, and nowhere else', async () => {
      const both = await Promise.all([ready(run(files.api, {})), ready(run(files.worker, {}))]);
      for (const address of both) {
        expect(address.hostname).toBe(network.loopback[0]);
        const here = await answers(everywhere(network.loopback, address));
        expect(here).toEqual(network.loopback.map(() => 200));
        const others = await answers(everywhere(network.outside, address));
        expect(others).toEqual(network.outside.map(() => 'ECONNREFUSED'));
      }
    });

    it('an API with keys and a worker in production are reached by others, too', async () => {
      const env = { NODE_ENV: 'production', HOLDFAST_API_KEYS: makeKey('root', 'admin').entry };
      for (const address of await Promise.all([ready(run(files.api, env)), ready(run(files.worker, env))])) {
        expect(address.hostname).toBe(network.loopback[0]);
        const all = [...network.loopback, ...network.outside];
        expect(await answers(everywhere(all, address))).toEqual(all.map(() => 200));
      }
    });

    it('a Redis is found under localhost as under its address', async () => {
      const found = ['localhost', ...network.loopback].map(async (host) => {
        const { port } = await ready(
          run(files.api, { REDIS_URL: `redis://${host}:6379`, REDIS_ENABLE_FALLBACK: 'false' }),
        );
        const url = `http://${network.loopback[0]}:${port}/health/ready`;
        await eventually(async () => expect(await network.ask([url])).toEqual({ [url]: 200 }), patient);
      });
      await Promise.all(found);
    });

    it('says that a port is taken, also when it is taken on one of two addresses', async () => {
      const taken = await ready(run(files.api, { HOST: network.loopback.at(-1)?.replaceAll(/[[\]]/g, '') ?? '' }));
      const node = run(files.api, { PORT: taken.port });
      expect(await node.exited).toEqual({ code: 98, signal: null });
      expect(node.lines.join('\n')).toContain(`Port ${taken.port} is taken by another process`);
    });
  },
);

describe.skipIf(whyNot !== undefined)(`npm start on a machine without IPv4${reason}`, { timeout: 90_000 }, () => {
  it('runs, and finds what it has started', async () => {
    const network = await isolateNetwork('IPv6');
    const node = spawnNode(start, {
      execArgs: [],
      prefix: network.prefix,
      env: { PORT: '3000', HOLDFAST_DATA_DIR: mkdtempSync(join(tmpdir(), 'holdfast-addresses-')) },
    });
    await node.waitForLine(/address +http:\/\/\[::1\]:3000/, patient);
    await node.waitForLine(/\d+ instances mirrored/);
    expect(await node.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    await network.close();
  });
});
