import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '@holdfast/config';
import { configParts, modules } from '@holdfast/modules';
import { closedPort, startRedis, uniquePrefix } from '@holdfast/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createRuntime } from '../src/create-runtime.ts';
import { missingRedis, requireRedis } from '../src/require-redis.ts';

const cwd = mkdtempSync(join(tmpdir(), 'holdfast-require-'));

function configure(url: string, enableFallback: boolean, timeoutMs: number) {
  return loadConfig({
    parts: configParts(modules),
    cwd,
    env: {
      NODE_ENV: 'test',
      REDIS_URL: url,
      REDIS_KEY_PREFIX: uniquePrefix('require'),
      REDIS_ENABLE_FALLBACK: String(enableFallback),
      REDIS_CONNECTION_TIMEOUT_MS: String(timeoutMs),
    },
  });
}

describe('requireRedis', () => {
  afterEach(() => void vi.useRealTimers());

  it('goes on without, before it has given up, while fallback is on', async () => {
    const timeoutMs = 60_000;
    const config = configure(`redis://127.0.0.1:${await closedPort()}`, true, timeoutMs);
    const runtime = await createRuntime(config, { modules });
    const startedAt = performance.now();
    await requireRedis(config, runtime);
    expect(performance.now() - startedAt).toBeLessThan(timeoutMs);
    expect(runtime.engines.cache.status.available).toBe(false);
    await runtime.close();
  });

  it('waits for no queue where all of them are turned off', async () => {
    const redis = await startRedis();
    const file = join(cwd, 'all-off.yaml');
    writeFileSync(file, 'queues:\n  source-sync: { enabled: false }\n  http-delivery: { enabled: false }\n');
    const env = { NODE_ENV: 'test', REDIS_URL: redis.url, REDIS_ENABLE_FALLBACK: 'false', HOLDFAST_CONFIG: file };
    const config = loadConfig({ cwd, env, parts: configParts(modules) });
    const runtime = await createRuntime(config, { modules });
    await requireRedis(config, runtime);
    expect(runtime.parts.queues.queues.names()).toEqual([]);
    expect(runtime.parts.queues.backend.status).toEqual({ available: true });
    await runtime.close();
    await redis.stop();
  });

  it('waits for a Redis that is there, so that nothing calls it away at start', async () => {
    const redis = await startRedis();
    const config = configure(redis.url, true, 60_000);
    // The half second that it has does not pass, however busy the machine is.
    vi.useFakeTimers({ toFake: ['Date'] });
    const runtime = await createRuntime(config, { modules });
    await requireRedis(config, runtime);
    const { engines, parts } = runtime;
    expect([engines.cache, engines.durable, parts.queues.backend].map(({ status }) => status.available)).toEqual([
      true,
      true,
      true,
    ]);
    await runtime.close();
    await redis.stop();
  });

  it('says once why, in a sentence, after REDIS_CONNECTION_TIMEOUT_MS while fallback is off', async () => {
    const config = configure(`redis://127.0.0.1:${await closedPort()}`, false, 2000);
    const runtime = await createRuntime(config, { modules });
    await expect(requireRedis(config, runtime)).rejects.toThrow(
      /REDIS_ENABLE_FALLBACK=false.*: nothing listens at redis:[^;]*$/,
    );
    await runtime.close();
  });

  it('leaves out those connections that have not heard yet where another knows why', () => {
    const away = (reason: string) => ({ status: { available: false, reason } as const });
    const [refused, early] = [away('it refuses the password'), away('not connected yet')];
    const there = { status: { available: true } } as const;
    const missing = (
      cache: typeof early | typeof there,
      durable: typeof early | typeof there,
      backend: typeof early | typeof there,
    ) =>
      missingRedis({
        engines: { cache, durable },
        modules: [{ module: { connections: () => ({ queue: backend }) }, running: { part: null } }],
      });
    expect(missing(refused, early, early)).toBe('it refuses the password');
    expect(missing(there, early, early)).toBe('not connected yet');
    expect(missing(there, there, there)).toBeUndefined();
  });

  it('resolves as soon as all connections are there, with a Redis that comes late', async () => {
    const redis = await startRedis();
    await redis.kill();
    const config = configure(redis.url, false, 60_000);
    const runtime = await createRuntime(config, { modules });
    const required = requireRedis(config, runtime);
    await redis.start();
    await required;
    expect(runtime.engines.cache.status.available).toBe(true);
    expect(runtime.parts.queues.backend.status.available).toBe(true);
    await runtime.close();
    await redis.stop();
  });
});
