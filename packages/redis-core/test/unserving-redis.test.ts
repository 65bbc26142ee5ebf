import { rmSync } from 'node:fs';
import { eventually, startRedis } from '@holdfast/testing';
import { describe, expect, test } from 'vitest';
import { createEngine, UnavailableError } from '../src/index.ts';

describe('a Redis that is there but cannot serve', () => {
  test('a disk that is full refuses writes as read-only, still reads, and opens no breaker', async () => {
    const server = await startRedis({ args: ['--save', '3600 1', '--stop-writes-on-bgsave-error', 'yes'] });
    const engine = createEngine({
      name: 'full',
      target: { kind: 'standalone', host: server.host, port: server.port },
    });
    try {
      await engine.set('a', '1');
      // What a full disk does to a snapshot, a directory that is gone does too.
      rmSync(server.directory, { recursive: true });
      await server.command('BGSAVE').catch(() => undefined);
      await eventually(async () => {
        expect(String(await server.command('INFO', 'persistence'))).toContain('rdb_last_bgsave_status:err');
      });
      for (let call = 0; call < 20; call += 1) {
        await expect(engine.set('b', '1')).rejects.toMatchObject({ code: 'REDIS_READ_ONLY', status: 503 });
      }
      expect((await engine.mget(['a']))[0]?.toString()).toBe('1');
      expect(engine.status).toMatchObject({ available: true, breaker: 'closed' });
    } finally {
      await engine.close();
      await server.stop();
    }
  });

  test('a Redis that loads its data is not available until it has, and says so', async () => {
    const server = await startRedis({ args: ['--appendonly', 'no', '--save', '3600 1'] });
    const engine = createEngine({
      name: 'loading',
      target: { kind: 'standalone', host: server.host, port: server.port },
    });
    try {
      await engine.batch(
        Array.from({ length: 4000 }, (_, index) => ({ op: 'set', key: `k${index}`, value: 'v'.repeat(100) })),
      );
      await server.command('SAVE');
      await server.kill();
      const slow = await startRedis({
        port: server.port,
        // Two seconds for all keys, and an answer after each few of them.
        args: ['--save', '3600 1', '--dir', server.directory, '--key-load-delay', '500'].concat([
          '--loading-process-events-interval-bytes',
          '1024',
        ]),
      });
      try {
        expect(String(await slow.command('INFO', 'persistence'))).toContain('loading:1');
        await expect(engine.mget(['k1'])).rejects.toThrow(UnavailableError);
        await eventually(() => expect(engine.status.available).toBe(true));
        expect((await engine.mget(['k1']))[0]?.toString()).toBe('v'.repeat(100));
      } finally {
        await slow.stop();
      }
    } finally {
      await engine.close();
      await server.stop();
    }
  });
});
