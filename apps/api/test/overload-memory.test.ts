import { mkdtempSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  limitMemory,
  overload,
  redisCommand,
  startRedis,
  spawnNode,
  whyNoMemoryLimits,
  type MemoryLimit,
  type RedisServer,
  type SpawnedNode,
} from '@holdfast/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { open, receive, requestBytes, send } from './raw-http.ts';

const MiB = 1024 * 1024;
/** What is compiled, with the arguments of the image. */
const server = new URL('../dist/server.js', import.meta.url);
const whyNot = whyNoMemoryLimits();
const { isFull, idleConnections } = overload();
const cache = '/v1/cache/prompts';

describe(`an API in a container of 512 MiB${whyNot === undefined ? '' : ` (${whyNot})`}`, () => {
  let cwd: string;
  let redis: RedisServer;
  let limit: MemoryLimit;
  let node: SpawnedNode;
  let port: number;
  const sockets: Socket[] = [];
  beforeEach(async (context) => {
    context.skip(whyNot !== undefined);
    cwd = mkdtempSync(join(tmpdir(), 'holdfast-overload-'));
    redis = await startRedis();
    limit = limitMemory(512 * MiB);
    node = spawnNode(server, {
      cwd,
      env: { NODE_ENV: 'production', HOST: '127.0.0.1', PORT: '0', REDIS_URL: redis.url, HOLDFAST_DATA_DIR: cwd },
      execArgs: ['--enable-source-maps'],
      prefix: limit.prefix,
    });
    const [, address] = await node.waitForLine(/"address":"[^"]+:(\d+)".*"ready"/, { timeoutMs: 60_000 });
    port = Number(address);
  });
  afterEach(async () => {
    if (whyNot !== undefined) return;
    for (const socket of sockets.splice(0)) socket.destroy();
    await node.kill();
    await redis.stop();
    await limit.close();
    rmSync(cwd, { recursive: true, force: true });
  });

  const status = async (method: string, path: string, body?: unknown): Promise<number> =>
    (await send(port, requestBytes(method, path, body))).status;
  /** What others ask for meanwhile is answered, and the process is there at the end. */
  const stillServes = async (): Promise<void> => {
    expect(await status('GET', '/health/live')).toBe(200);
    expect(await status('GET', `${cache}/nothing`)).toBe(404);
    expect([201, 204]).toContain(await status('PUT', `${cache}/small`, '1'));
    const job = { data: { url: 'https://example.com/' }, options: { delay: '1h' } };
    // Where all processors are busy Redis may seem to be away for a moment.
    expect([201, 202]).toContain(await status('POST', '/v1/queues/http-delivery/jobs', job));
    expect(limit.peakBytes()).toBeLessThanOrEqual(512 * MiB);
  };
  /** The status of a request that is sent to its end or until it is answered; 0 where the connection was cut. */
  const attempt = async (head: string, body: Uint8Array): Promise<number> => {
    const socket = await open(port, head);
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.write(body);
    const { text } = await receive(socket, (received) => received.includes('\r\n\r\n'));
    socket.destroy();
    return Number(text.slice(9, 12));
  };
  /** The statuses of as many at once; in a full run each is sent again until it is taken. */
  const atOnce = async (count: number, head: string, body: Uint8Array): Promise<number[]> => {
    const one = async (): Promise<number> => {
      for (;;) {
        const got = await attempt(head, body);
        if (!isFull || (got !== 503 && got !== 0)) return got;
        await sleep(1000);
      }
    };
    return Promise.all(Array.from({ length: count }, one));
  };
  const headOf = (method: string, path: string, type: string, length: number | 'chunked'): string =>
    `${method} ${path} HTTP/1.1\r\nHost: localhost\r\ncontent-type: ${type}\r\n${
      length === 'chunked' ? 'transfer-encoding: chunked' : `content-length: ${length}`
    }\r\n\r\n`;

  const bodies: readonly [what: string, make: () => unknown][] = [
    [
      'a few large values',
      () => ({
        items: Array.from({ length: 14 }, (_, n) => ({ key: `k${n}`, value: 'x'.repeat(1_000_000) })),
      }),
    ],
    [
      '10,000 values',
      () => ({ items: Array.from({ length: 10_000 }, (_, n) => ({ key: `k${n}`, value: 'x'.repeat(1380) })) }),
    ],
    [
      'values of many small parts',
      () => ({
        items: Array.from({ length: 14 }, (_, n) => ({
          key: `k${n}`,
          value: Array.from({ length: 500_000 }, () => 1),
        })),
      }),
    ],
  ];
  it.each(isFull ? bodies : bodies.slice(-1))(
    'survives 64 bulk/set of 14 MB at once: %s',
    { timeout: 600_000 },
    async (_what, make) => {
      const body = Buffer.from(JSON.stringify(make()));
      const all = atOnce(64, headOf('POST', `${cache}/bulk/set`, 'application/json', body.length), body);
      await stillServes();
      const statuses = await all;
      expect(isFull ? [200] : [200, 503, 0]).toEqual(expect.arrayContaining(statuses));
      expect(statuses).toContain(200);
      await stillServes();
    },
  );

  it('survives 64 PUT of 8 MB at once, and as many who read them', { timeout: 600_000 }, async () => {
    const body = Buffer.alloc(8_000_000, 'x');
    const all = atOnce(64, headOf('PUT', `${cache}/large`, 'application/octet-stream', body.length), body);
    await stillServes();
    const statuses = await all;
    expect([201, 204, ...(isFull ? [] : [503, 0])]).toEqual(expect.arrayContaining(statuses));
    expect(statuses.some((code) => code === 201 || code === 204)).toBe(true);

    const stored = await redisCommand(redis.url, 'KEYS', 'holdfast:cache:prompts:large');
    expect(stored).toHaveLength(1);
    for (let n = 0; n < 32; n += 1) {
      await redisCommand(redis.url, 'COPY', 'holdfast:cache:prompts:large', `holdfast:cache:prompts:copy-${n}`);
    }
    const keys = Array.from({ length: 32 }, (_, n) => `copy-${n}`);
    const many = JSON.stringify({ keys });
    const bulkGet = Buffer.from(many);
    const bulkHead = headOf('POST', `${cache}/bulk/get`, 'application/json', bulkGet.length);
    const readers = await Promise.all([
      ...keys.map((key) => open(port, requestBytes('GET', `${cache}/${key}`))),
      ...keys.map(() => open(port, bulkHead + many)),
    ]);
    sockets.push(...readers);
    for (const reader of readers) reader.pause();
    await stillServes();
    await Promise.all(
      readers.map((reader) =>
        receive(reader.on('error', () => undefined).resume(), (text) => text.includes('HTTP/1.1')),
      ),
    );
    await stillServes();
  });

  it('survives 60 bodies that never end', { timeout: 600_000 }, async () => {
    const declared = headOf('POST', `${cache}/bulk/set`, 'application/json', 14_000_000);
    const chunked = headOf('PUT', `${cache}/large`, 'text/plain', 'chunked');
    const most = Buffer.alloc(13 * MiB, 'x');
    const chunk = Buffer.concat([Buffer.from(`${most.length.toString(16)}\r\n`), most]);
    const answered: Promise<unknown>[] = [];
    for (let n = 0; n < 60; n += 1) {
      const socket = await open(port, n % 2 === 0 ? declared : chunked);
      sockets.push(socket.on('error', () => undefined));
      // Nearly all of it comes at once, and then nothing.
      socket.write(n % 2 === 0 ? most : chunk);
      answered.push(receive(socket, (text) => text.includes('HTTP/1.1 ')));
    }
    for (let round = 0; round < 5; round += 1) {
      await stillServes();
      await sleep(500);
    }
    await Promise.race(answered);
    await stillServes();
  });

  it('survives bodies of a million pieces of one byte', { timeout: 600_000 }, async () => {
    const pieces = (text: string): string => text.replaceAll(/./g, '1\r\n$&\r\n');
    const ones = '1\r\n1\r\n'.repeat(1_000_000);
    const put = Buffer.from(`${ones}0\r\n\r\n`);
    expect([201, 204]).toContain(await attempt(headOf('PUT', `${cache}/pieces`, 'text/plain', 'chunked'), put));
    const set = Buffer.from(`${pieces('{"items":[{"key":"a","value":"')}${ones}${pieces('"}]}')}0\r\n\r\n`);
    expect(await attempt(headOf('POST', `${cache}/bulk/set`, 'application/json', 'chunked'), set)).toBe(200);
    await stillServes();
  });

  it(`survives ${idleConnections} idle connections`, { timeout: 600_000 }, async () => {
    for (let n = 0; n < idleConnections; n += 100) {
      sockets.push(
        ...(await Promise.all(Array.from({ length: 100 }, () => open(port, requestBytes('GET', '/health/live'))))),
      );
    }
    await Promise.all(sockets.map((socket) => receive(socket, (text) => text.includes('\r\n\r\n'))));
    await stillServes();
  });
});
