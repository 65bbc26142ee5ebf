import type { Page } from './pages.ts';

export interface Snippet {
  /** Its page, and which one of it: `packages/cache/README.md 2`. */
  readonly name: string;
  readonly path: string;
  readonly language: string;
  readonly code: string;
}

/** The blocks of TypeScript and JavaScript of a page. */
export function snippets({ path, text }: Page): Snippet[] {
  return [...text.matchAll(/^```(ts|js)\n([\s\S]*?)^```/gm)].map(([, language = '', code = ''], index) => {
    return { name: `${path} ${index + 1}`, path, language, code };
  });
}

/** Where what a snippet talks to is in a test, instead of where readers have it. */
export interface Surroundings {
  readonly redisPort: number;
  readonly upstreamPort: number;
}

/** A snippet as a program that runs beside other ones, and ends. */
export function programOf({ name, code }: Snippet, { redisPort, upstreamPort }: Surroundings): string {
  const { before = '', after = '' } = frames[name] ?? {};
  return `${before}\n${code}\n${after}`
    .replaceAll('port: 6379', `port: ${redisPort}`)
    .replaceAll('listen(9100', 'listen(0')
    .replaceAll('8080', String(upstreamPort));
}

/** What a page takes for granted, and what ends a program that would go on. */
export interface Frame {
  readonly before?: string;
  readonly after?: string;
}

const engine = `
import { createEngine, pipeline } from '@holdfast/redis-core';
const engine = createEngine({ name: 'cache', target: { kind: 'standalone', host: '127.0.0.1', port: 6379 } });`;

/** By the name of the snippet. All others are programs as they stand. */
export const frames: Readonly<Record<string, Frame>> = {
  'docs/guide/http-queues.md 1': {
    before: `
      import { Webhook as Signer } from 'standardwebhooks';
      process.env.INVOICE_SECRET = 'whsec_' + Buffer.alloc(32, 7).toString('base64');
      const body = '{"invoice":7}';
      const now = new Date();
      const headers = {
        'webhook-id': 'invoices:1',
        'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
        'webhook-signature': new Signer(process.env.INVOICE_SECRET).sign('invoices:1', now, body),
      };`,
    after: `if (data.invoice !== 7) throw new Error('It was read otherwise.');`,
  },
  'packages/cache/README.md 3': {
    before: `
      import { createEngine, createKeys } from '@holdfast/redis-core';
      import { Cache } from '@holdfast/cache';
      const engine = createEngine({ name: 'cache', target: { kind: 'memory' } });
      const users = new Cache({ engine, keys: createKeys('snippet'), namespace: 'users', ttlMs: 60_000 });`,
    after: `if ((await keyv.get<{ seen: boolean }>('7'))?.seen !== true) throw new Error('It is not there.');`,
  },
  'packages/queue/docs/types.md 1': {
    before: `
      import { Consumer, createRedisBackend, defineQueue, Queues, type Handlers } from '@holdfast/queue';
      import { Type } from 'typebox';
      const policy = {
        description: 'For the types.',
        attempts: 1,
        timeoutMs: 30_000,
        concurrency: 1,
        retention: { completed: { count: 10 }, failed: { count: 10 } },
      };
      const backend = createRedisBackend({ target: { kind: 'standalone', host: '127.0.0.1', port: 6379 }, keyPrefix: 'types' });
      const send = async (to: string) => to;
      const print = (number: number) => number;`,
    after: `
      await consumer.start();
      const ended = await queues.get('mail', id, { waitMs: 30_000 });
      if (ended?.result?.messageId !== 'ada@example.com') throw new Error('It was not sent.');
      await consumer.close({ timeoutMs: 5000 });
      await queues.close();`,
  },
  'packages/queue/docs/flows.md 1': {
    before: `
      import { defineQueue, Queues } from '@holdfast/queue';
      import { createEmbeddedBackend } from '@holdfast/queue/embedded';
      import { Type } from 'typebox';
      const policy = {
        description: 'For a flow.',
        payload: Type.Any(),
        attempts: 1,
        backoff: { type: 'fixed' as const, delayMs: 1000 },
        timeoutMs: 30_000,
        concurrency: 1,
        retention: { completed: { count: 10 }, failed: { count: 10 } },
      };
      const define = (name: string) => defineQueue({ name, ...policy });
      const backend = await createEmbeddedBackend({ directory: '.holdfast/queue' });
      const queues = new Queues({ backend, definitions: ['report', 'page'].map(define) });`,
    after: `await queues.close();`,
  },
  'packages/queue/docs/redis.md 1': {
    before: `
      import { Queue, Worker } from 'bullmq';
      const ran = Promise.withResolvers<void>();
      const processor = async () => ran.resolve();
      const connection = { host: '127.0.0.1', port: 6379, maxRetriesPerRequest: null };`,
    after: `await ran.promise; process.exit(0);`,
  },
  'packages/queue/docs/embedded.md 1': {
    before: `
      import { defineQueue } from '@holdfast/queue';
      import { Type } from 'typebox';
      const mail = defineQueue({
        name: 'mail',
        description: 'For the embedded queue.',
        payload: Type.Object({ to: Type.String() }),
        attempts: 1,
        backoff: { type: 'fixed', delayMs: 1000 },
        timeoutMs: 30_000,
        concurrency: 1,
        retention: { completed: { count: 10 }, failed: { count: 10 } },
      });`,
    after: `
      const { id } = await queues.add('mail', { data: { to: 'ada@example.com' } });
      if ((await queues.get('mail', id)) === undefined) throw new Error('It was not added.');
      await queues.close();`,
  },
  'packages/redis-core/README.md 2': {
    before: `${engine}
      const products = [{ id: 1 }, { id: 2 }];
      const keyOf = ({ id }: { id: number }) => 'snippet:{p}:' + id;
      const bytesOf = (product: { id: number }) => JSON.stringify(product);`,
    after: `if (errors.length > 0 || results.length !== 3) throw new Error(JSON.stringify(errors)); await engine.close();`,
  },
  'packages/redis-core/README.md 3': { before: `${engine}\nconst kept = new Map();`, after: `await engine.close();` },
  'packages/redis-core/README.md 4': {
    before: `const redis = undefined;\nconst applyTo = async (..._: readonly unknown[]) => {};`,
  },
  'packages/telemetry/README.md 1': {
    before: `
      import { once } from 'node:events';
      import type { AddressInfo } from 'node:net';`,
    after: `
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const answer = await fetch('http://127.0.0.1:' + port + '/metrics');
      if (!(await answer.text()).includes('process_cpu')) throw new Error('There are no metrics.');
      process.exit(0);`,
  },
};
