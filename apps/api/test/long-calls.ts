import { Consumer } from '@holdfast/queue';
import { eventually } from '@holdfast/testing';
import { expect } from 'vitest';
import type { Api } from './fixture.ts';
import { hold, type HeldCalls } from './held-call.ts';

/** A call that takes more than one step. */
export interface LongCall {
  readonly what: string;
  /** The template of its route. */
  readonly route: string;
  readonly request: readonly [method: string, path: string, body?: unknown];
  /** What has to be there first. */
  readonly prepare?: () => Promise<unknown>;
  /** Stops it in the middle of its work. */
  readonly step: () => HeldCalls;
  /** The call of the library that does the work, and how much it had done when it was stopped there. */
  readonly work?: () => HeldCalls;
  readonly done?:
    | { readonly count: string | null; readonly is: number }
    | { readonly count: string | null; readonly atMost: number };
  /** Its answer has begun before it is held. */
  readonly isStreamed?: boolean;
}

const queue = '/v1/queues/http-delivery';
const cache = '/v1/cache/prompts';

/** One for each kind of work, on the service that `current` gives when it is prepared. */
export function longCalls(current: () => Api): readonly LongCall[] {
  const queues = () => current().runtime.parts.queues.queues;
  const handle = () => current().runtime.parts.queues.backend.open('http-delivery');
  const prompts = () => current().runtime.parts.cache.caches.get('prompts');
  const engine = () => current().runtime.engines.cache;
  const jobs = (count: number): { data: object; options: object }[] =>
    Array.from({ length: count }, () => ({ data: { url: 'https://example.com/' }, options: { delay: '1h' } }));
  const items = (count: number): { readonly key: string; readonly value: number }[] =>
    Array.from({ length: count }, (_, n) => ({ key: `k:${n}`, value: n }));
  const keys = (count: number): string[] => items(count).map(({ key }) => key);
  const addJobs = (count: number): Promise<unknown> =>
    queues().addMany(
      'http-delivery',
      Array.from({ length: count }, () => ({ data: { url: 'https://example.com/' }, options: { delayMs: 3_600_000 } })),
    );
  const failJobs = async (count: number): Promise<void> => {
    const { backend } = current().runtime.parts.queues;
    const dead = (await queues().summary('http-delivery')).counts.failed;
    const handler = async (): Promise<never> => {
      throw new Error('not today');
    };
    const definition = queues().definition('http-delivery');
    const consumer = new Consumer({ backend, definition, handler, concurrency: 50 });
    await consumer.start();
    const job = { data: { url: 'https://example.com/' }, options: { attempts: 1 } };
    await queues().addMany(
      'http-delivery',
      Array.from({ length: count - dead }, () => job),
    );
    await eventually(
      async () => {
        expect((await queues().summary('http-delivery')).counts.failed).toBeGreaterThanOrEqual(count);
      },
      { timeoutMs: 60_000 },
    );
    await consumer.close({ timeoutMs: 3000 });
  };
  const writeEntries = (count: number): Promise<unknown> =>
    prompts().writeMany(keys(count).map((key) => ({ key, body: Buffer.from('1'), contentType: 'application/json' })));

  return [
    {
      what: 'adding many jobs',
      route: '/v1/queues/:q/jobs/bulk',
      request: ['POST', `${queue}/jobs/bulk`, { jobs: jobs(1000) }],
      step: () => hold(handle(), 'addMany', (count) => count === 1),
      work: () => hold(queues(), 'addMany', () => false),
      done: { count: 'accepted', is: 50 },
    },
    {
      what: 'draining a queue',
      route: '/v1/queues/:q/drain',
      request: ['POST', `${queue}/drain`, { delayed: true }],
      prepare: () => addJobs(1100),
      // Of those that wait there are none, with a priority or without.
      step: () => hold(handle().changes, 'removeFrom', (count) => count === 3),
      work: () => hold(queues().admin, 'drain', () => false),
      done: { count: null, atMost: 50 },
    },
    {
      what: 'cleaning a queue of those that wait',
      route: '/v1/queues/:q/clean',
      request: ['POST', `${queue}/clean`, { state: 'delayed', limit: 10_000 }],
      prepare: () => addJobs(1100),
      step: () => hold(handle().changes, 'removeFrom', (count) => count === 1),
      work: () => hold(queues().admin, 'clean', () => false),
      done: { count: null, atMost: 50 },
    },
    {
      what: 'cleaning a queue of those that have failed',
      route: '/v1/queues/:q/clean',
      request: ['POST', `${queue}/clean`, { state: 'failed', limit: 10_000 }],
      prepare: () => failJobs(600),
      step: () => hold(handle().changes, 'removeFrom', (count) => count === 1),
      work: () => hold(queues().admin, 'clean', () => false),
      done: { count: null, atMost: 50 },
    },
    {
      what: 'redriving dead letters',
      route: '/v1/queues/:q/dead-letters/redrive',
      request: ['POST', `${queue}/dead-letters/redrive`, {}],
      prepare: () => failJobs(600),
      step: () => hold(handle().changes, 'redriveOldest', (count) => count === 1),
      work: () => hold(queues(), 'redrive', () => false),
      done: { count: 'redriven', atMost: 50 },
    },
    {
      what: 'cleaning dead letters',
      route: '/v1/queues/:q/dead-letters/clean',
      request: ['POST', `${queue}/dead-letters/clean`, {}],
      prepare: () => failJobs(600),
      step: () => hold(handle().changes, 'removeFrom', (count) => count === 1),
      work: () => hold(queues(), 'cleanDeadLetters', () => false),
      done: { count: 'removed', atMost: 50 },
    },
    {
      what: 'writing many entries',
      route: '/v1/cache/:ns/bulk/set',
      request: ['POST', `${cache}/bulk/set`, { items: items(1000) }],
      step: () => hold(engine(), 'run', (_count, [script]) => nameOf(script) === 'cache-write'),
      work: () => hold(prompts(), 'writeMany', () => false),
      // Four batches of 50 are under way at a time.
      done: { count: 'successful', is: 200 },
    },
    {
      what: 'removing many entries',
      route: '/v1/cache/:ns/bulk/delete',
      request: ['POST', `${cache}/bulk/delete`, { keys: keys(3000) }],
      step: () => hold(engine(), 'del'),
      work: () => hold(prompts(), 'deleteMany', () => false),
      done: { count: 'successful', is: 2000 },
    },
    {
      what: 'syncing many entries',
      route: '/v1/cache/:ns/sync',
      request: ['POST', `${cache}/sync`, { updates: items(1000), deletions: ['gone'] }],
      step: () => hold(engine(), 'run', (_count, [script]) => nameOf(script) === 'cache-write'),
      work: () => hold(prompts(), 'sync', () => false),
      done: { count: 'updated', is: 200 },
    },
    {
      what: 'invalidating a prefix',
      route: '/v1/cache/:ns/invalidate',
      request: ['POST', `${cache}/invalidate`, { prefix: 'k:' }],
      prepare: () => writeEntries(3000),
      step: () => hold(engine(), 'scan', (count) => count === 1),
      work: () => hold(prompts(), 'invalidate', () => false),
      done: { count: null, is: -1 },
    },
    {
      what: 'invalidating what depends on an entity',
      route: '/v1/entities/:type/:id/invalidate',
      request: ['POST', '/v1/entities/creator/7/invalidate', ''],
      step: () => hold(current().runtime.parts.cache.entities, 'invalidate'),
      work: () => hold(current().runtime.parts.cache.entities, 'invalidate', () => false),
      done: { count: null, is: -1 },
    },
    {
      what: 'reading many entries',
      route: '/v1/cache/:ns/bulk/get',
      request: ['POST', `${cache}/bulk/get`, { keys: keys(2000) }],
      // The first page is out before the second is read.
      step: () => hold(prompts(), 'readManyDetailed', (count) => count === 2),
      isStreamed: true,
    },
    {
      what: 'listing jobs',
      route: '/v1/queues/:q/jobs',
      request: ['GET', `${queue}/jobs`],
      step: () => hold(queues().admin, 'list'),
    },
    {
      what: 'looking at Bull Board',
      route: '/admin/queues/api/queues',
      request: ['GET', '/admin/queues/api/queues?activeQueue=http-delivery&status=delayed'],
      step: () => hold(handle().queue, 'getJobCounts'),
    },
    {
      what: 'cancelling a job',
      route: '/v1/queues/:q/jobs/:id/cancel',
      request: ['POST', `${queue}/jobs/any/cancel`, { reason: 'why not' }],
      step: () => hold(queues(), 'cancel'),
    },
    {
      what: 'writing an entry',
      route: '/v1/cache/:ns/:key',
      request: ['PUT', `${cache}/k`, '"text"'],
      step: () => hold(prompts(), 'write'),
    },
  ];
}

/** How much was done; -1 where the work was given up with an error. */
export async function doneBy(work: HeldCalls | undefined, count: string | null): Promise<number> {
  const outcome = await work?.outcomes[0]?.catch(() => -1);
  return Number(count === null || outcome === -1 ? outcome : (outcome as Record<string, number>)[count]);
}

function nameOf(script: unknown): unknown {
  return typeof script === 'object' && script !== null && 'name' in script ? script.name : undefined;
}
