import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { eventually, PlainRedis, redisCommand, redisUrl, spawnNode, startRedis, useRedis } from '@holdfast/testing';

describe('startRedis', () => {
  it('starts a server of its own and leaves nothing behind', async () => {
    const redis = await startRedis();
    expect(await redis.command('PING')).toBe('PONG');
    await redis.stop();
    expect(existsSync(redis.directory)).toBe(false);
    await expect(redis.command('PING')).rejects.toThrow(/ECONNREFUSED/);
    await redis.stop();
  });

  it('restarts on the same port, with what it wrote to disk', async () => {
    const redis = await startRedis({ args: ['--appendonly', 'yes'] });
    await redis.command('SET', 'k', 'v');
    const before = redis.pid;
    await redis.restart();
    expect(redis.pid).not.toBe(before);
    expect(await redis.command('GET', 'k')).toBe('v');
    await redis.stop();
  });

  it('forgets everything at a restart unless told to write', async () => {
    const redis = await startRedis();
    await redis.command('SET', 'k', 'v');
    await redis.restart('SIGTERM');
    expect(await redis.command('GET', 'k')).toBeNull();
    await redis.stop();
  });

  it('is frozen by pause and goes on after resume', async () => {
    const redis = await startRedis();
    const client = await PlainRedis.connect(redis.url);
    redis.pause();
    let isAnswered = false;
    const reply = client.send('PING').finally(() => {
      isAnswered = true;
    });
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
    expect(isAnswered).toBe(false);
    redis.resume();
    expect(await reply).toBe('PONG');
    redis.pause();
    await redis.stop();
    client.close();
  });

  it('says why a server did not start', async () => {
    await expect(startRedis({ args: ['--maxmemory-policy', 'nonsense'] })).rejects.toThrow(/ended at its start/);
  });

  it('dies with the process that started it, even after kill -9', async () => {
    const child = spawnNode(new URL('fixtures/start-redis.ts', import.meta.url));
    const [, url, directory] = await child.waitForLine(/^(redis:\S+) (\S+)$/);
    if (url === undefined || directory === undefined) throw new Error('The fixture printed no address.');
    expect(await redisCommand(url, 'PING')).toBe('PONG');
    await child.kill('SIGKILL');
    await eventually(async () => {
      await expect(redisCommand(url, 'PING')).rejects.toThrow(/ECONNREFUSED|ECONNRESET|closed/);
      expect(existsSync(directory)).toBe(false);
    });
  });
});

describe('useRedis', () => {
  it('is one real Redis for the whole process', async () => {
    const { url, port } = useRedis();
    expect(useRedis().port).toBe(port);
    expect(await redisUrl()).toBe(url);
    expect(await redisCommand(url, 'PING')).toBe('PONG');
  });

  it('starts a server where no TEST_REDIS_URL names one, and ends it with the process', async () => {
    const child = spawnNode(new URL('fixtures/use-redis.ts', import.meta.url));
    const [, url] = await child.waitForLine(/^(redis:\S+) PONG$/);
    expect(await child.exited).toEqual({ code: 0, signal: null });
    await eventually(async () => {
      await expect(redisCommand(url ?? '', 'PING')).rejects.toThrow(/ECONNREFUSED/);
    });
  });
});
