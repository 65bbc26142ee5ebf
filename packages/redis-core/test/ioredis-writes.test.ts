import { spawnSync } from 'node:child_process';
import type { Redis } from 'ioredis';
import { eventually, type RedisServer, startRedis } from '@holdfast/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createClient } from '../src/engines/ioredis-client.ts';
import { destroyStream } from '../src/engines/ioredis-invalidations.ts';
import { BatchedCommand } from '../src/engines/ioredis-writes.ts';
import { createEngine, type EngineOptions, type RedisEngine } from '../src/index.ts';
import { calm } from './contract/calm.ts';

/** Commands of one tick travel together, whatever is in them, and each gets its own reply. */
describe('the commands of one tick', () => {
  let server: RedisServer;
  let options: EngineOptions;
  let engine: RedisEngine;

  beforeAll(async () => {
    server = await startRedis();
    options = { name: 'ticks', ...calm, target: { kind: 'standalone', host: server.host, port: server.port } };
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    await server.command('FLUSHALL');
    engine = createEngine(options);
    await engine.time();
  });
  afterEach(() => engine.close());

  async function connected(): Promise<Redis> {
    const client = createClient(options, 'commands');
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }
  const ofClient = (client: Redis, name: string, ...args: string[]): Promise<unknown> => {
    const command = new BatchedCommand(name, args);
    client.sendCommand(command);
    return command.promise as Promise<unknown>;
  };

  test('carry bytes, text of any script, and nothing, of any length around the borders', async () => {
    const lengths = [0, 1, 4095, 4096, 4097, 32_767, 32_768, 70_000, 1_500_000];
    const values = lengths.flatMap((length) => [
      Buffer.from(Uint8Array.from({ length }, (_, index) => (index * 31) % 256)),
      Uint8Array.from({ length }, (_, index) => 255 - (index % 256)),
      'ä€😀\r\n$'.repeat(Math.ceil(length / 12)),
      'plain '.repeat(Math.ceil(length / 6)),
    ]);
    const keyOf = (index: number): string => `schlüssel:${index}:鍵`;
    const written = values.map((value, index) => engine.set(keyOf(index), value, { pxMs: 60_000 }));
    const read = values.map((_, index) => engine.get(keyOf(index)));
    expect(await Promise.all(written)).toEqual(values.map(() => ({ stored: true, previous: null })));
    for (const [index, stored] of (await Promise.all(read)).entries()) {
      expect(stored?.equals(Buffer.from(values[index] as string))).toBe(true);
    }
  });

  test('are answered in their order, a hundred thousand of them', async () => {
    // It is their order that matters, however long a busy machine takes for them.
    const replies = await Promise.all(Array.from({ length: 100_000 }, () => engine.hincrby('h', 'n', 1)));
    expect(replies.every((reply, index) => reply === index + 1)).toBe(true);
  });

  test('keep their order among other commands of the same client, which write themselves', async () => {
    const client = await connected();
    try {
      const replies = await Promise.all([
        ofClient(client, 'rpush', 'list', 'a'),
        client.rpush('list', Buffer.from('b')),
        client.pipeline().rpush('list', 'c').rpush('list', 'd').exec(),
        ofClient(client, 'rpush', 'list', 'e'),
        client.client('ID'),
        client.rpush('list', 'f'),
      ]);
      expect(replies.toSpliced(4, 1)).toEqual([
        1,
        2,
        [
          [null, 3],
          [null, 4],
        ],
        5,
        6,
      ]);
      expect(await client.lrange('list', 0, -1)).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
    } finally {
      client.disconnect();
    }
  });

  test('cost one write', async () => {
    const client = await connected();
    let writes = 0;
    const write = client.stream.write.bind(client.stream);
    client.stream.write = ((...args: Parameters<typeof write>) => {
      writes += 1;
      return write(...args);
    }) as typeof write;
    try {
      await Promise.all(Array.from({ length: 200 }, () => ofClient(client, 'incr', 'n')));
      expect(writes).toBe(1);
      await ofClient(client, 'incr', 'n');
      expect(writes).toBe(2);
    } finally {
      client.disconnect();
    }
  });

  test('that were not written when the connection ended never reach the next one', async () => {
    const client = await connected();
    try {
      const lost = Promise.allSettled([ofClient(client, 'incr', 'n'), ofClient(client, 'incr', 'n')]);
      destroyStream(client);
      expect((await lost).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
      await eventually(() => expect(client.status).toBe('ready'));
      expect(await ofClient(client, 'get', 'n')).toBeNull();
    } finally {
      client.disconnect();
    }
  });

  test('that were not written when the engine was closed fail, and nothing is written behind the end', async () => {
    const call = engine.hincrby('h', 'n', 1);
    const settled = expect(call).rejects.toMatchObject({ status: 503 });
    await engine.close();
    await settled;
    expect(await server.command('EXISTS', 'h')).toBe(0);
  });

  test('are answered, when their replies have come before a busy process looks at their deadline', async () => {
    const call = engine.hincrby('h', 'n', 1, { deadlineMs: 1000 });
    await new Promise<void>((resolve) => {
      setImmediate(() => setImmediate(resolve)); // It has been written.
    });
    const until = performance.now() + 1100;
    const askAnotherWay = `require('net').connect(${server.port}, '${server.host}').end('PING\\r\\n').resume()`;
    // Whoever asks later is answered later.
    expect(spawnSync(process.execPath, ['-e', askAnotherWay]).status).toBe(0);
    while (performance.now() < until);
    expect(await call).toBe(1);
  });
});
