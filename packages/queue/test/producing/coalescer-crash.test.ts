import { spawnNode, uniquePrefix, useRedis } from '@holdfast/testing';
import { describe, expect, it } from 'vitest';
import { createRedisBackend } from '../../src/index.ts';

const { host, port, db } = useRedis();
const fixture = new URL('../fixtures/coalescing-process.ts', import.meta.url);

describe('a process that is killed while it gathers items', () => {
  it('loses none that it had acknowledged, and stored none twice', async () => {
    const keyPrefix = uniquePrefix('coalescing');
    const child = spawnNode(fixture, { args: [String(port), String(db ?? 0), keyPrefix] });
    await child.waitForLine(/^stored item-500$/);
    await child.kill('SIGKILL');
    const acknowledged = child.lines.map((line) => line.replace('stored ', ''));

    const backend = createRedisBackend({ target: { kind: 'standalone', host, port, db: db ?? 0 }, keyPrefix });
    const jobs = await backend.open('coalescing').call(async (queue) => queue.getJobs(['prioritized']));
    await backend.close();
    const stored = jobs.flatMap((job) => (job.data as { items: string[] }).items);
    expect(new Set(stored).size).toBe(stored.length);
    expect(acknowledged.filter((item) => !stored.includes(item))).toEqual([]);
    // They were gathered, and what was stored but not acknowledged is what was under way.
    expect(jobs.length).toBeLessThan(stored.length / 2);
    expect(stored.length - acknowledged.length).toBeLessThanOrEqual(20);
  });
});
