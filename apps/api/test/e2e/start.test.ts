import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { closedPort, eventually, freePort, startRedis, type RedisServer, type SpawnedNode } from '@holdfast/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addressIn, makeDataDir, processesOf, root, run, type Env } from './system.ts';

/** In no line, in whatever form. */
const password = 's3cr3t@x/y';
const encoded = encodeURIComponent(password);
const patient = { timeoutMs: 60_000 };

const bytesOf = ({ lines }: SpawnedNode): number => Buffer.byteLength(lines.join('\n'));

/** `npm start` on a machine where something is in its way, as its user sees it. */
describe('npm start', { timeout: 180_000 }, () => {
  let data: Awaited<ReturnType<typeof makeDataDir>>;
  const closing: (() => unknown)[] = [];
  beforeEach(async () => {
    data = await makeDataDir();
  });
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
    await data.remove();
  });

  const start = (env: Env, args: readonly string[] = []): SpawnedNode =>
    run('start', { HOLDFAST_DATA_DIR: data.path, WORKER_PORT: '0', ...env }, args);

  function expectNoPassword(node: SpawnedNode): void {
    const output = node.lines.join('\n');
    expect(output).not.toContain(password);
    expect(output).not.toContain(encoded);
  }

  async function listening(server: Server, port = 0, host = '127.0.0.1'): Promise<number> {
    server.listen(port, host);
    closing.push(() => server.close());
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  it.each([
    ['PORT', {}],
    ['WORKER_PORT', { PORT: '0', REDIS_URL: 'redis://127.0.0.1:1' }],
  ])(
    'says in a sentence that %s is taken, also by another Holdfast that is ready, and shows no banner',
    async (name, env) => {
      const other = createHttpServer((_request, response) => {
        response.setHeader('content-type', 'application/json').end('{"status":"ok"}');
      });
      const port = await listening(other);
      const node = start({ ...env, [name]: String(port) });
      expect(await node.exited).toEqual({ code: 98, signal: null });
      const lines = node.lines.filter((line) => line !== '');
      expect(lines.at(-1)).toBe(
        `Port ${port} is taken by another process: stop that one, or choose another port: ${name}=${port < 65_436 ? port + 100 : 3100} npm start`,
      );
      // Before it there is only what a first start installs and builds.
      expect(lines.at(-2)).toBe('Building …');
      expect(processesOf(data.path)).toEqual([]);
    },
  );

  it('says what an option does, and that it does not know another one', async () => {
    const [help, unknown] = [start({}, ['--help']), start({}, ['--vebrose'])];
    expect(await help.exited).toEqual({ code: 0, signal: null });
    expect(help.lines.join('\n')).toMatch(/--verbose .*\n.*--help/);
    expect(await unknown.exited).toEqual({ code: 64, signal: null });
    expect(unknown.lines.join('\n')).toMatch(/does not know "--vebrose"[^]*--verbose/);
  });

  it('goes on without a Redis that is not there, in a handful of lines, and says when it is back', async () => {
    // It counts the attempts and answers none.
    let attempts = 0;
    const nobody = createServer((socket) => {
      attempts += 1;
      socket.on('error', () => undefined).destroy();
    });
    const redisPort = await listening(nobody);
    const node = start({ PORT: '0', REDIS_URL: `redis://:${encoded}@127.0.0.1:${redisPort}` });
    await node.waitForLine(/redis +away: redis:\/\/127\.0\.0\.1:\d+ closes the connection without an answer/, patient);
    await node.waitForLine(/Ctrl-C stops everything/);
    const api = addressIn(node.lines.join('\n'));
    const before = attempts;
    await eventually(() => expect(attempts).toBeGreaterThan(before + 40), patient);
    expect((await fetch(`${api}/health/ready`)).status).toBe(200);
    // It was 428 KB in 40 s.
    expect(bytesOf(node)).toBeLessThan(4000);

    nobody.close();
    await once(nobody, 'close');
    const redis = await startRedis({ port: redisPort, args: ['--requirepass', password] });
    closing.push(() => redis.stop());
    for (const service of ['api', 'worker']) {
      await node.waitForLine(new RegExp(`"service":"${service}".*"Redis is back"`), patient);
    }
    await eventually(async () => {
      const health = (await (await fetch(`${api}/health`)).json()) as { status: string };
      expect(health.status).toBe('ok');
    }, patient);
    expect(bytesOf(node)).toBeLessThan(6000);
    expectNoPassword(node);
    expect(await node.kill('SIGINT')).toEqual({ code: 0, signal: null });
  });

  describe('with the wrong password', () => {
    let redis: RedisServer;
    beforeEach(async () => {
      redis = await startRedis({ args: ['--requirepass', 'the right one'] });
      closing.push(() => redis.stop());
    });
    const admin = async (...command: string[]): Promise<unknown> => redis.command(...command);
    const refusals = async (): Promise<number> =>
      Number(/errorstat_WRONGPASS:count=(\d+)/.exec(String(await admin('INFO', 'errorstats')))?.[1] ?? 0);

    it('is not ready until it was let in once, and from then on degraded when it is refused', async () => {
      // The address of the worker is in no line that is shown.
      const workerPort = await freePort();
      const worker = `http://127.0.0.1:${workerPort}`;
      const answer = async (url: string): Promise<[number, string]> => {
        const response = await fetch(url);
        return [response.status, await response.text()];
      };
      const node = start({
        PORT: '0',
        WORKER_PORT: String(workerPort),
        // A user of its own, so that the test is let in whatever that one's password is.
        REDIS_URL: `redis://app:${encoded}@127.0.0.1:${redis.port}`,
      });
      const [, api = ''] = await node.waitForLine(
        /listens at (http\S+) and is not ready \(503\): redis:\/\/127\.0\.0\.1:\d+ refuses the configured user or password/,
        patient,
      );
      for (const url of [api, worker]) {
        await eventually(async () => expect((await answer(`${url}/health/ready`))[0]).toBe(503), patient);
        const [status, health] = await answer(`${url}/health`);
        expect([status, JSON.parse(health)]).toMatchObject([503, { status: 'down' }]);
        expect(health).toContain('"fault":"password-refused"');
        expect((await answer(`${url}/health/live`))[0]).toBe(200);
      }
      const before = await refusals();
      await eventually(async () => expect(await refusals()).toBeGreaterThan(before + 20), patient);
      expect(bytesOf(node)).toBeLessThan(4000);
      expect(node.lines.join('\n')).not.toMatch(/Redis is away|Ctrl-C/);

      await admin('ACL', 'SETUSER', 'app', 'on', `>${password}`, '+@all', '~*', '&*');
      await node.waitForLine(/Ctrl-C stops everything/, patient);
      for (const url of [api, worker]) {
        await eventually(async () => expect((await answer(`${url}/health`))[1]).toContain('"status":"ok"'), patient);
        expect((await answer(`${url}/health/ready`))[0]).toBe(200);
      }

      // The password is changed under a process that is connected.
      await admin('ACL', 'DELUSER', 'app');
      for (const url of [api, worker]) {
        await eventually(async () => {
          const [status, health] = await answer(`${url}/health`);
          expect([status, JSON.parse(health)]).toMatchObject([200, { status: 'degraded' }]);
          expect(health).toContain('"fault":"password-refused"');
          expect(health).toMatch(/redis:\/\/127\.0\.0\.1:\d+ refuses the configured user or password/);
        }, patient);
        expect((await answer(`${url}/health/ready`))[0]).toBe(200);
        // Each connection is refused in its own time.
        await eventually(async () => {
          const [, metrics] = await answer(`${url}/metrics`);
          expect(metrics).toContain('holdfast_redis_access_refused{connection="durable"} 1');
        }, patient);
      }
      const refused = () => node.lines.filter((line) => line.includes('"Redis refuses access"'));
      await eventually(() => expect(refused()).toHaveLength(4), patient);
      expectNoPassword(node);
      expect(await node.kill('SIGINT')).toEqual({ code: 0, signal: null });
    });

    it('ends where fallback is off', async () => {
      const node = start({
        PORT: '0',
        REDIS_URL: `redis://:${encoded}@127.0.0.1:${redis.port}`,
        REDIS_ENABLE_FALLBACK: 'false',
      });
      expect(await node.exited).toEqual({ code: 69, signal: null });
      expect(node.lines.join('\n')).toMatch(
        /"fatal".*REDIS_ENABLE_FALLBACK=false\): redis:\/\/127\.0\.0\.1:\d+ refuses the configured user or password \(WRONGPASS\): correct them\./,
      );
      expect(bytesOf(node)).toBeLessThan(3000);
      expect(node.lines.join('\n')).not.toContain('Ctrl-C');
      expectNoPassword(node);
    });
  });

  // The program that makes a terminal is part of each Linux; elsewhere it takes other arguments.
  it.skipIf(process.platform !== 'linux')('shows a person at a terminal each request and each job', async () => {
    const { PATH, HOME, TMPDIR } = process.env;
    const env = { PATH, HOME, TMPDIR, NO_COLOR: '1', HOLDFAST_DATA_DIR: data.path, PORT: '0' };
    const command = `${process.execPath} scripts/start.mjs --verbose`;
    const terminal = spawn('script', ['-qec', command, '/dev/null'], {
      cwd: root,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    closing.push(() => terminal.kill());
    let shown = '';
    terminal.stdout.on('data', (chunk: Buffer) => void (shown += chunk.toString()));
    await eventually(() => expect(shown).toContain('Ctrl-C stops everything'), patient);
    expect(shown).toMatch(/^\d\d:\d\d:\d\d debug api +JOB +source-sync start\.instances completed \d+ ms\r$/m);
    await fetch(`${addressIn(shown)}/v1/cache/prompts/none`);
    await eventually(() => {
      expect(shown).toMatch(/^\d\d:\d\d:\d\d debug api +GET +\/v1\/cache\/:ns\/:key 404 [\d.]+ ms\r$/m);
    }, patient);
    // The script itself asks for a handful of things, and not twenty times a second.
    expect([...shown.matchAll(/GET +\/v1\/sources/g)].length).toBeLessThan(5);
    expect(shown).not.toContain('{"level"');
  });

  it('is the API itself that says so when the port is taken meanwhile', async () => {
    const port = await listening(createServer());
    const node = run('api', {
      PORT: String(port),
      REDIS_URL: `redis://127.0.0.1:${await closedPort()}`,
      HOLDFAST_DATA_DIR: data.path,
    });
    expect(await node.exited).toEqual({ code: 98, signal: null });
    const last = JSON.parse(node.lines.at(-1) ?? '{}') as Record<string, unknown>;
    expect(last).toMatchObject({
      level: 'fatal',
      msg: expect.stringMatching(`^Port ${port} is taken by another process`),
    });
    expect(last).not.toHaveProperty('err');
  });
});
