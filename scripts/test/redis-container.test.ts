import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { redisCommand, startRedis } from '@holdfast/testing';

interface Container {
  readonly url: string;
  stop(): Promise<void>;
}
const scripts = new URL('../', import.meta.url);
const { runContainer } = (await import(new URL('lib/run-redis.mjs', scripts).href)) as {
  runContainer: (image: string, file?: string) => Promise<Container>;
};
const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));

/** What can be shown without a Docker engine; where there is one, `npm test` itself shows the rest. */
describe('a Redis container for the tests', () => {
  it('is started by one file, which a process of its own runs: nobody else loads testcontainers', () => {
    const naming = readdirSync(scripts, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.mjs'))
      .filter((name) => readFileSync(new URL(name, scripts), 'utf8').includes("'testcontainers'"));
    expect(naming).toEqual(['lib/redis-container.mjs']);
  });

  it('is there until it is stopped', async () => {
    const redis = await startRedis();
    const container = await runContainer(redis.url, fixture('container.mjs'));
    expect(await redisCommand(container.url, 'PING')).toBe('PONG');
    await container.stop();
    await redis.stop();
  });

  it('that cannot be started is said, with what helps', async () => {
    await expect(runContainer('', fixture('container.mjs'))).rejects.toThrow(/TEST_REDIS_URL/);
  });
});
