import { describe, expect, it } from 'vitest';
import { load, loadError, problemPaths } from './load.ts';

const rest = { UPSTASH_REDIS_REST_URL: 'https://db.upstash.io', UPSTASH_REDIS_REST_TOKEN: 'tok' };

describe('the mode', () => {
  it('is embedded without any Redis, with a memory engine and the embedded queue', () => {
    const { mode, redis, server } = load();
    expect(mode).toBe('embedded');
    expect(redis.cache.target).toEqual({ kind: 'memory' });
    expect(redis.queue).toBeNull();
    expect(server.host).toBe('localhost');
  });

  it('is redis with REDIS_URL: credentials and database decoded, everything on it', () => {
    const { mode, redis } = load({ REDIS_URL: 'redis://us%40er:p%3Aw@[::1]:6380/3' });
    const target = { kind: 'standalone', host: '::1', port: 6380, db: 3, username: 'us@er', password: 'p:w' };
    expect(mode).toBe('redis');
    expect(redis.cache).toMatchObject({ name: 'cache', target, commandTimeoutMs: 5000, retryAttempts: 3 });
    expect(redis.durable).toMatchObject({ name: 'durable', target });
    expect(redis.queue).toEqual(target);
  });

  it('takes from the environment how a silent Redis is noticed, and whether reads are tracked', () => {
    const url = { REDIS_URL: 'redis://localhost' };
    const given = { REDIS_PROBE_INTERVAL_MS: '0', REDIS_PROBE_DEADLINE_MS: '2s', CACHE_TRACKING: 'false' };
    const { redis } = load({ ...url, ...given });
    expect(redis.cache).toMatchObject({ probeIntervalMs: 0, probeDeadlineMs: 2000, tracking: false });
    expect(redis.durable).toMatchObject({ probeIntervalMs: 0, probeDeadlineMs: 2000 });
  });

  it('has the profile that is asked for, and in upstash mode the one that sends few commands', () => {
    const url = { REDIS_URL: 'redis://localhost' };
    const lowCost = { idleProbeIntervalMs: 13_000, trackingHeartbeatMs: 14_000 };
    expect(load(url).profile).toBe('default');
    expect(load(url).redis.cache).not.toHaveProperty('idleProbeIntervalMs');
    expect(load(rest).profile).toBe('low-cost');
    expect(load({ ...rest, HOLDFAST_PROFILE: 'default' }).profile).toBe('default');
    const { profile, redis } = load({ ...url, HOLDFAST_PROFILE: 'low-cost' });
    expect(profile).toBe('low-cost');
    expect(redis.cache).toMatchObject(lowCost);
    expect(redis.durable).toMatchObject(lowCost);
    expect(problemPaths({ ...url, HOLDFAST_PROFILE: 'cheap' })).toEqual(['HOLDFAST_PROFILE']);
  });

  it('takes a prefix of BullMQ\u2019s for the queues, which has a hash tag in a cluster', () => {
    const cluster = { REDIS_CLUSTER_NODES: 'redis-1:6379' };
    expect(load({ REDIS_URL: 'redis://localhost' }).redis).not.toHaveProperty('queuePrefix');
    expect(load({ REDIS_URL: 'redis://localhost', QUEUE_PREFIX: 'bull' }).redis.queuePrefix).toBe('bull');
    expect(problemPaths({ REDIS_URL: 'redis://localhost', QUEUE_PREFIX: 'b*' })).toEqual(['QUEUE_PREFIX']);
    expect(load({ ...cluster, QUEUE_PREFIX: 'my-{bull}' }).redis.queuePrefix).toBe('my-{bull}');
    for (const prefix of ['bull', '{}bull', 'bull}{']) {
      expect(problemPaths({ ...cluster, QUEUE_PREFIX: prefix })).toEqual(['QUEUE_PREFIX']);
    }
  });

  it('knows the profile by its former name', () => {
    const url = { REDIS_URL: 'redis://localhost' };
    expect(load({ ...url, WORKER_PROFILE: 'low-cost' }).profile).toBe('low-cost');
    expect(load({ ...rest, WORKER_PROFILE: 'default' }).profile).toBe('default');
    expect(problemPaths({ ...url, HOLDFAST_PROFILE: 'default', WORKER_PROFILE: 'low-cost' })).toEqual([
      'WORKER_PROFILE',
    ]);
  });

  it('is redis when a REST URL is set as well, and says so', () => {
    const config = load({ ...rest, REDIS_URL: 'redis://localhost' });
    expect(config.mode).toBe('redis');
    expect(config.warnings.join()).toMatch(/the Redis is used/);
  });

  it('is upstash with a REST URL alone; the queue speaks Redis with the token as password', () => {
    const { mode, redis } = load(rest);
    expect(mode).toBe('upstash');
    expect(redis.cache.target).toEqual({ kind: 'upstash', url: 'https://db.upstash.io', token: 'tok' });
    expect(redis.durable.target).toEqual(redis.cache.target);
    expect(redis.queue).toEqual({
      kind: 'standalone',
      host: 'db.upstash.io',
      port: 6379,
      username: 'default',
      password: 'tok',
      tls: {},
    });
  });

  it('knows the aliases of the REST variables', () => {
    expect(load({ REDIS_REST_URL: 'https://db.upstash.io/', REDIS_REST_TOKEN: 'tok' }).redis.cache.target).toEqual(
      load(rest).redis.cache.target,
    );
    expect(problemPaths({ ...rest, REDIS_REST_TOKEN: 'another' })).toEqual(['REDIS_REST_TOKEN']);
  });

  it('follows REDIS_ENGINE', () => {
    const both = { ...rest, REDIS_URL: 'redis://localhost' };
    expect(load({ ...both, REDIS_ENGINE: 'upstash' }).mode).toBe('upstash');
    expect(load({ ...both, REDIS_ENGINE: 'ioredis' }).mode).toBe('redis');
    expect(load({ ...both, REDIS_ENGINE: 'memory' })).toMatchObject({ mode: 'embedded', redis: { queue: null } });
    expect(problemPaths({ REDIS_ENGINE: 'ioredis' })).toEqual(['REDIS_ENGINE']);
    expect(problemPaths({ REDIS_ENGINE: 'upstash' })).toEqual(['UPSTASH_REDIS_REST_URL', 'UPSTASH_REDIS_REST_TOKEN']);
  });

  it('is not embedded in production unless that is asked for', () => {
    expect(loadError({ NODE_ENV: 'production' }).message).toMatch(/HOLDFAST_EMBEDDED=true/);
    expect(problemPaths({ NODE_ENV: 'production', REDIS_URL: 'redis://h', REDIS_ENGINE: 'memory' })).toEqual([
      'REDIS_URL',
    ]);
    expect(load({ NODE_ENV: 'production', HOLDFAST_EMBEDDED: 'true' }).mode).toBe('embedded');
    expect(problemPaths({ HOLDFAST_EMBEDDED: 'false' })).toEqual(['REDIS_URL']);
  });

  it.each(['REDIS_PORT', 'REDIS_PASSWORD', 'REDIS_DB', 'QUEUE_REDIS_URL', 'UPSTASH_REDIS_REST_TOKEN'])(
    'is not embedded by accident, when only %s is set',
    (name) => {
      const value = name === 'QUEUE_REDIS_URL' ? 'redis://localhost' : '1';
      expect(loadError({ [name]: value }).problems).toHaveLength(1);
    },
  );
});

describe('the Redis', () => {
  it('is put together from REDIS_HOST and its companions', () => {
    const env = {
      REDIS_HOST: 'redis',
      REDIS_PORT: '6390',
      REDIS_USERNAME: 'u',
      REDIS_PASSWORD: 'p',
      REDIS_DB: '2',
      REDIS_TLS: 'true',
    };
    const target = { kind: 'standalone', host: 'redis', port: 6390, username: 'u', password: 'p', db: 2, tls: {} };
    expect(load(env).redis.queue).toEqual(target);
  });

  it('takes REDIS_PASSWORD where the URL has none, and refuses two passwords', () => {
    const env = { REDIS_URL: 'redis://redis:6379', REDIS_PASSWORD: 'p' };
    expect(load(env).redis.queue).toMatchObject({ host: 'redis', password: 'p' });
    expect(problemPaths({ ...env, REDIS_URL: 'redis://:q@redis' })).toEqual(['REDIS_PASSWORD']);
  });

  it('is split by QUEUE_REDIS_URL into a cache and a durable one', () => {
    const { redis } = load({ REDIS_URL: 'redis://cache', QUEUE_REDIS_URL: 'redis://durable:6380' });
    expect(redis.cache.target).toMatchObject({ host: 'cache' });
    expect(redis.durable.target).toMatchObject({ host: 'durable', port: 6380 });
    expect(redis.queue).toEqual(redis.durable.target);
  });

  it('can be behind sentinels', () => {
    const env = { REDIS_SENTINELS: 's1, s2:26380,[::1]:1', REDIS_SENTINEL_NAME: 'm', REDIS_SENTINEL_PASSWORD: 'sp' };
    expect(load(env).redis.queue).toEqual({
      kind: 'sentinel',
      sentinels: [
        { host: 's1', port: 26_379 },
        { host: 's2', port: 26_380 },
        { host: '::1', port: 1 },
      ],
      masterName: 'm',
      sentinelPassword: 'sp',
    });
  });

  it('can be a cluster, which has no databases', () => {
    const env = { REDIS_CLUSTER_NODES: 'a,b:7001' };
    expect(load(env).redis.queue).toMatchObject({ kind: 'cluster', nodes: [{ port: 6379 }, { port: 7001 }] });
    expect(problemPaths({ ...env, REDIS_DB: '1' })).toEqual(['REDIS_DB']);
  });

  it('has one topology', () => {
    expect(problemPaths({ REDIS_URL: 'redis://h', REDIS_SENTINELS: 's' })).toEqual(['REDIS_URL, REDIS_SENTINELS']);
  });

  it.each([
    'http://h',
    'redis:',
    'redis://h/x',
    'redis://h:0',
    'redis://h?family=6',
    'redis://u:%zz@h',
    'h:6379',
    'redis://h/1/2',
  ])('cannot be at %s', (url) => {
    expect(problemPaths({ REDIS_URL: url })).toEqual(['REDIS_URL']);
  });
});
