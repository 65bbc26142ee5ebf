import { Job, RedisConnection, RedisQueueBackend, Worker } from 'bullmq';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createRedisBackend } from '../../src/index.ts';

const target = { kind: 'standalone', host: '127.0.0.1', port: 1 } as const;
const restore: (() => void)[] = [];

/** As in another version of BullMQ. */
function without(prototype: object, name: string): void {
  const part = Object.getOwnPropertyDescriptor(prototype, name);
  if (part === undefined) throw new Error(`There is no ${name}.`);
  Reflect.deleteProperty(prototype, name);
  restore.push(() => Object.defineProperty(prototype, name, part));
}

/** As at the start of a process. */
async function check(): Promise<void> {
  vi.resetModules();
  const { checkBullmq } = await import('../../src/redis/bullmq-inside.ts');
  checkBullmq();
}

afterEach(() => {
  for (const undo of restore.splice(0)) undo();
});

describe("BullMQ's inner parts", () => {
  it('are all there', async () => {
    await check();
    expect(createRedisBackend({ target }).kind).toBe('redis');
  });

  it.each([
    { part: 'Worker.processJob', of: Worker.prototype },
    { part: 'Job.moveToWait', of: Job.prototype },
    { part: 'RedisConnection.loadCommands', of: RedisConnection.prototype },
    { part: 'RedisQueueBackend.addJobToTransaction', of: RedisQueueBackend.prototype },
  ])('are missed by name at the start: $part', async ({ part, of }) => {
    without(of, part.split('.')[1] ?? '');
    await expect(check()).rejects.toThrow(part);
    await expect(check()).rejects.toThrow('Install bullmq@6.7.0');
  });

  it('are missed by name where a script is gone', async () => {
    const all = RedisConnection.prototype['loadCommands'];
    without(RedisConnection.prototype, 'loadCommands');
    RedisConnection.prototype['loadCommands'] = function (this: RedisConnection, ...args) {
      const { _client: client } = this as unknown as { _client: { defineCommand(name: string, script: object): void } };
      const fewer = {
        defineCommand: (name: string, script: object) => {
          if (!name.startsWith('addPrioritizedJob')) client.defineCommand(name, script);
        },
      };
      all.call({ _client: fewer } as never, ...args);
    };
    await expect(check()).rejects.toThrow('the script addPrioritizedJob');
  });

  it('are those of exactly the version that is installed', () => {
    const { version } = createRequire(import.meta.url)('bullmq/package.json') as { readonly version: string };
    const root = new URL('../../../../', import.meta.url);
    expect(readFileSync(new URL('pnpm-workspace.yaml', root), 'utf8')).toContain(`  bullmq: ${version}\n`);
    expect(readFileSync(new URL('../../src/redis/bullmq-inside.ts', import.meta.url), 'utf8')).toContain(
      `const bullmqVersion = '${version}'`,
    );
  });

  it('are used nowhere else: no other file reaches past the types of BullMQ', () => {
    const source = new URL('../../src/', import.meta.url);
    const inner = /optsEncodeMap|loadCommands|scriptsSet\[|\b_client\b|getRedisVersionAndType|drained: false/;
    const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
    expect(files.filter((file) => inner.test(readFileSync(new URL(file, source), 'utf8')))).toEqual([
      'redis/bullmq-inside.ts',
    ]);
  });
});
