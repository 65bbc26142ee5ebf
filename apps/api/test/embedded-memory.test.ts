import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startUpstream } from '@holdfast/example-upstream';
import { embeddedLoad, eventually, limitMemory, spawnNode, whyNoMemoryLimits } from '@holdfast/testing';
import type { MemoryLimit, SpawnedNode } from '@holdfast/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const MiB = 1024 * 1024;
/** What is compiled, as sources need a compiler in the process. */
const server = new URL('../dist/server.js', import.meta.url);
const whyNot = whyNoMemoryLimits();
const { jobs, valueSizes } = embeddedLoad();

describe(`embedded mode in a container${whyNot === undefined ? '' : ` (${whyNot})`}`, () => {
  const cwd = mkdtempSync(join(tmpdir(), 'holdfast-memory-'));
  let limit: MemoryLimit | undefined;
  let node: SpawnedNode;
  let upstream: Awaited<ReturnType<typeof startUpstream>>;
  beforeEach(async () => {
    upstream = await startUpstream({ port: 0, latencyMs: 0 });
  });
  afterEach(async () => {
    await node.kill();
    await upstream.close();
    await limit?.close();
    rmSync(join(cwd, '.holdfast'), { recursive: true, force: true });
  });
  const start = (bytes?: number): void => {
    limit = bytes === undefined ? undefined : limitMemory(bytes);
    const env = { PORT: '0', HEALTH_PORT: '0', NOVITA_API_BASE_URL: upstream.url, HTTP_DELIVERY_ALLOW_PRIVATE: 'true' };
    // Without a limit the process does not know that it is to be small; this flag does what it would do itself.
    const how = limit === undefined ? { execArgs: ['--liftoff-only'] } : { execArgs: [], prefix: limit.prefix };
    node = spawnNode(server, { cwd, env, ...how });
  };

  it.skipIf(whyNot !== undefined).each(valueSizes)(
    `starts, runs ${jobs} jobs and fills its cache with values of %i bytes in 384 MiB`,
    { timeout: 600_000 },
    async (size) => {
      start(384 * MiB);
      const [, address = ''] = await node.waitForLine(/"address":"([^"]+)".*"ready"/, { timeoutMs: 120_000 });
      const call = async (method: string, path: string, body?: unknown): Promise<Record<string, unknown>> => {
        const json = JSON.stringify(body);
        const headers = { 'content-type': 'application/json' };
        // A machine that is busy makes a service refuse what it has no time for: then it is asked again.
        return eventually(async () => {
          const answer = await fetch(`${address}${path}`, {
            method,
            ...(body !== undefined && { headers, body: json }),
          });
          expect(answer.ok, `${method} ${path}: ${answer.status} ${await answer.clone().text()}`).toBe(true);
          return (await answer.json()) as Record<string, unknown>;
        });
      };

      const data = { url: `${address}/health/live`, method: 'GET' };
      await call('POST', '/v1/queues/http-delivery/jobs/bulk', {
        jobs: Array.from({ length: jobs }, () => ({ data })),
      });
      await eventually(
        async () => {
          const { counts } = await call('GET', '/v1/queues/http-delivery');
          expect(counts).toMatchObject({ waiting: 0, active: 0, completed: jobs });
        },
        { timeoutMs: 120_000, intervalMs: 100 },
      );

      const bound = (384 * MiB) / 8;
      const batch = Math.max(1, Math.min(500, Math.floor((2 * MiB) / size)));
      const value = 'x'.repeat(size);
      // A quarter more than fits, so that it evicts.
      for (let written = 0, key = 0; written < 1.25 * bound;) {
        const items = Array.from({ length: batch }, () => ({ key: `key-${(key += 1)}`, value }));
        await call('POST', '/v1/cache/prompts/bulk/set', { items });
        written += batch * (size + 450);
      }
      const { data: redis } = (await call('GET', '/api/admin/redis/metrics')) as { data: { metrics: unknown } };
      expect(redis.metrics).toMatchObject({ memory: { max: bound } });
      expect(await node.kill('SIGTERM'), node.lines.slice(-5).join('\n')).toEqual({ code: 0, signal: null });
      expect(limit?.peakBytes()).toBeLessThanOrEqual(384 * MiB);
    },
  );

  it.skipIf(whyNot !== undefined)('says what it needs and ends, where it would be killed', async () => {
    start(256 * MiB);
    expect(await node.exited).toEqual({ code: 78, signal: null });
    // For a person: no stack.
    expect(JSON.parse(node.lines.at(-1) ?? '')).not.toHaveProperty('err');
    expect(node.lines.join('\n')).toContain('Embedded mode needs 384 MiB of memory, and this process may use 256 MiB');
    expect(existsSync(join(cwd, '.holdfast', 'queue'))).toBe(false);
  });

  it.runIf(whyNot !== undefined && process.platform === 'linux')('starts in far less than it did', async () => {
    start();
    await node.waitForLine(/"ready"/, { timeoutMs: 120_000 });
    const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${node.pid}/status`, 'utf8')) ?? [];
    // Measured: 310 MiB, where the machine has so much that V8 is generous.
    expect(Number(kib) * 1024).toBeLessThan(640 * MiB);
  });
});
