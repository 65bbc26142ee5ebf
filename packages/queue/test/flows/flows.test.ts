import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, startCluster, uniquePrefix, useRedis } from '@holdfast/testing';
import type { RedisCluster } from '@holdfast/testing';
import { Type } from 'typebox';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parseJobKey } from '../../src/consuming/children.ts';
import { Consumer, createRedisBackend, defineQueue, PermanentError, Queues } from '../../src/index.ts';
import { createEmbeddedBackend } from '../../src/embedded.ts';
import type { ChildResult, FlowJob, Handler, JobView, QueueBackend } from '../../src/index.ts';

const names = [
  'report',
  'page',
  'image',
  'refused',
  'tree',
  'twice',
  'ignored',
  'continued',
  'failing',
  'wide',
  'later',
];
const definitions = names.map((name) =>
  defineQueue({
    name,
    description: `For the test of flows: ${name}.`,
    payload: Type.Object({ n: Type.Integer() }, { additionalProperties: false }),
    attempts: 1,
    timeoutMs: 10_000,
    concurrency: 20,
    retention: { completed: {}, failed: {} },
  }),
);

let cluster: RedisCluster;
let directory: string;
const backends: Record<string, () => Promise<QueueBackend>> = {
  redis: async () => {
    const { host, port } = useRedis();
    return createRedisBackend({ target: { kind: 'standalone', host, port }, keyPrefix: uniquePrefix('jobs') });
  },
  cluster: async () => {
    cluster = await startCluster();
    const target = { kind: 'cluster', nodes: cluster.addresses } as const;
    return createRedisBackend({ target, keyPrefix: uniquePrefix('jobs') });
  },
  embedded: async () => createEmbeddedBackend({ directory }),
};

describe.each(Object.keys(backends))('flows on the %s backend', (kind) => {
  let backend: QueueBackend;
  let queues: Queues;
  const consumers: Consumer[] = [];
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'holdfast-flows-'));
    backend = await (backends[kind] as () => Promise<QueueBackend>)();
    queues = new Queues({ backend, definitions });
  });
  afterEach(async () => {
    await Promise.all(consumers.splice(0).map((consumer) => consumer.close({ timeoutMs: 3000 })));
  });
  afterAll(async () => {
    await queues.close();
    if (kind === 'cluster') await cluster.stop();
    await rm(directory, { recursive: true, force: true });
  });

  const consume = async (queue: string, handler: Handler): Promise<void> => {
    const consumer = new Consumer({ backend, definition: queues.definition(queue), handler });
    consumers.push(consumer);
    await consumer.start();
  };
  const ended = async (queue: string, id: string): Promise<JobView> =>
    eventually(async () => {
      const job = await queues.get(queue, id, { waitMs: 30_000 });
      expect(job?.state).toMatch(/completed|failed/);
      return job as JobView;
    });
  const inOneQueue = (queue: string): FlowJob => ({
    queue,
    name: 'sum',
    data: { n: 0 },
    children: [
      { queue, data: { n: 1 } },
      {
        queue,
        name: 'sum',
        data: { n: 0 },
        children: [
          { queue, data: { n: 2 } },
          { queue, data: { n: 3 } },
        ],
      },
    ],
  });

  it('run children before their parents, which see the results', async () => {
    const order: number[] = [];
    await consume('tree', async (job) => {
      const { n } = job.data as { n: number };
      order.push(n);
      const children = await job.children();
      const sum = children.reduce((total, child) => total + Number('result' in child ? child.result : Number.NaN), n);
      return sum;
    });
    const flow = await queues.addFlow(inOneQueue('tree'));
    expect(flow).toMatchObject({ queue: 'tree', duplicate: false, state: 'waiting-children' });
    expect(flow.children.map(({ children }) => children.length)).toEqual([0, 2]);
    expect(await ended('tree', flow.id)).toMatchObject({ state: 'completed', result: 6, name: 'sum' });
    expect(order.slice(-1)).toEqual([0]);
    expect(order.toSorted((a, b) => a - b)).toEqual([0, 0, 1, 2, 3]);
  });

  it.runIf(kind !== 'cluster')('may span queues', async () => {
    await consume('image', async ({ data }) => (data as { n: number }).n * 10);
    await consume('page', async (job) => ({ images: await job.children() }));
    await consume('report', async (job) => ({ pages: await job.children() }));
    const flow = await queues.addFlow({
      queue: 'report',
      data: { n: 0 },
      options: { jobId: 'annual' },
      children: [
        {
          queue: 'page',
          data: { n: 1 },
          options: { jobId: 'page-1' },
          children: [{ queue: 'image', data: { n: 4 }, options: { jobId: 'image-1' } }],
        },
      ],
    });
    expect((await ended('report', flow.id)).result).toEqual({
      pages: [{ queue: 'page', id: 'page-1', result: { images: [{ queue: 'image', id: 'image-1', result: 40 }] } }],
    });
  });

  it.runIf(kind === 'cluster')('are refused over several queues, and nothing of them is added', async () => {
    const flow: FlowJob = { queue: 'report', data: { n: 0 }, children: [{ queue: 'page', data: { n: 1 } }] };
    await expect(queues.addFlow(flow)).rejects.toMatchObject({
      code: 'FLOW_UNSUPPORTED',
      status: 422,
      message: expect.stringMatching(/report, page .*Redis Cluster/),
    });
    const [report, page] = await Promise.all(['report', 'page'].map((name) => queues.summary(name)));
    expect([report?.counts.waitingChildren, page?.counts.prioritized]).toEqual([0, 0]);
  });

  it('are checked job by job before any of it is added', async () => {
    const wrong: FlowJob = {
      queue: 'refused',
      data: { n: 1 },
      children: [
        { queue: 'refused', data: { n: 'x' } },
        { queue: 'refused', data: { n: 1 }, children: [{ queue: 'refused', data: { n: 1, more: true } }] },
      ],
    };
    await expect(queues.addFlow(wrong)).rejects.toMatchObject({
      code: 'JOB_INVALID',
      issues: [{ path: '/children/0/data/n' }, { path: '/children/1/children/0/data/more' }],
    });
    const options: FlowJob = {
      queue: 'refused',
      data: { n: 1 },
      options: { jobId: 'same' },
      children: [
        { queue: 'refused', data: { n: 1 }, options: { attempts: 0 } },
        { queue: 'refused', data: { n: 1 }, options: { jobId: 'same' } },
        { queue: 'refused', data: { n: 1 }, onFailure: 'explode' as 'fail' },
        { queue: 'refused', data: { n: 1 }, options: { deduplication: { id: 'x' } } },
        { queue: 'refused', data: { n: 1 }, options: { jobId: '..' } },
      ],
    };
    await expect(queues.addFlow(options)).rejects.toMatchObject({
      code: 'JOB_OPTIONS_INVALID',
      issues: [
        { path: '/children/0/options/attempts' },
        { path: '/children/1/options/jobId' },
        { path: '/children/2/onFailure' },
        { path: '/children/3/options/deduplication' },
        { path: '/children/4/options/jobId' },
      ],
    });
    await expect(
      queues.addFlow({ queue: 'refused', data: { n: 1 }, children: [{ queue: 'nope', data: {} }] }),
    ).rejects.toMatchObject({ code: 'QUEUE_UNKNOWN' });
    const { counts } = await queues.summary('refused');
    expect(Object.values(counts).every((count) => count === 0)).toBe(true);
  });

  it.each<[string, (deep: FlowJob) => FlowJob]>([
    ['levels', (leaf) => Array.from({ length: 10 }).reduce<FlowJob>((inner) => ({ ...leaf, children: [inner] }), leaf)],
    ['jobs', (leaf) => ({ ...leaf, children: Array.from({ length: 1000 }, () => leaf) })],
  ])('have a bound on their %s', async (_what, build) => {
    await expect(queues.addFlow(build({ queue: 'refused', data: { n: 1 } }))).rejects.toMatchObject({
      code: 'JOB_OPTIONS_INVALID',
    });
  });

  it('are added once when the call is repeated, by whoever', async () => {
    const flow: FlowJob = {
      queue: 'twice',
      data: { n: 0 },
      options: { jobId: 'parent' },
      children: [{ queue: 'twice', data: { n: 1 }, options: { jobId: 'child' } }],
    };
    const results = await Promise.all(Array.from({ length: 10 }, async () => queues.addFlow(flow)));
    expect(results.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
    expect(results.every(({ id, state }) => id === 'parent' && state === 'waiting-children')).toBe(true);
    expect((await queues.summary('twice')).counts).toMatchObject({ waitingChildren: 1, prioritized: 1 });
  });

  it('are not added at all when one of their jobs is there already', async () => {
    const children = [
      { queue: 'twice', data: { n: 5 } },
      { queue: 'twice', data: { n: 1 }, options: { jobId: 'taken' } },
    ];
    await queues.add('twice', { data: { n: 1 }, options: { jobId: 'taken' } });
    const before = (await queues.summary('twice')).counts;
    await expect(queues.addFlow({ queue: 'twice', data: { n: 0 }, children })).rejects.toMatchObject({
      code: 'FLOW_CONFLICT',
      status: 409,
      message: expect.stringContaining('taken'),
    });
    expect((await queues.summary('twice')).counts).toEqual(before);
  });

  describe('when a child fails for good', () => {
    const failing = async (queue: string, onFailure?: FlowJob['onFailure']): Promise<FlowJob> => {
      await consume(queue, async (job) => {
        if ((job.data as { n: number }).n === 13) throw new PermanentError('Unlucky.', { code: 'UNLUCKY' });
        return (await job.children()).toSorted((a, b) => a.id.localeCompare(b.id));
      });
      return {
        queue,
        data: { n: 0 },
        children: [
          { queue, data: { n: 13 }, options: { jobId: 'bad' }, ...(onFailure !== undefined && { onFailure }) },
          { queue, data: { n: 1 }, options: { jobId: 'good' } },
        ],
      };
    };

    it('fail the parent, by default', async () => {
      const { id } = await queues.addFlow(await failing('failing'));
      const parent = await ended('failing', id);
      expect(parent.state).toBe('failed');
      expect(parent.error?.message).toMatch(/bad/);
    });

    it('let the parent run and see the error, where that is to be ignored', async () => {
      const { id } = await queues.addFlow(await failing('ignored', 'ignore'));
      expect((await ended('ignored', id)).result).toEqual([
        { queue: 'ignored', id: 'bad', error: { code: 'UNLUCKY', message: 'Unlucky.' } },
        { queue: 'ignored', id: 'good', result: [] },
      ] satisfies ChildResult[]);
    });
  });

  it('take many children at once, and delayed ones', async () => {
    const children = Array.from({ length: 200 }, (_, n) => ({ queue: 'wide', data: { n } }));
    const { id } = await queues.addFlow({ queue: 'wide', data: { n: -1 }, children });
    await queues.addFlow({
      queue: 'later',
      data: { n: 0 },
      children: [{ queue: 'later', data: { n: 1 }, options: { delayMs: 3_600_000 } }],
    });
    expect((await queues.summary('later')).counts).toMatchObject({ waitingChildren: 1, delayed: 1 });
    await consume('wide', async (job) => (await job.children()).length);
    expect((await ended('wide', id)).result).toBe(200);
  });
});

describe('the key of a child', () => {
  it.each([
    ['holdfast:jobs:{page}:page:one', { queue: 'page', id: 'one' }],
    ['a:{x}:b:{page}:page:repeat:every:17', { queue: 'page', id: 'repeat:every:17' }],
    ['page:one', { queue: 'page', id: 'one' }],
    ['page:repeat:every:17', { queue: 'page', id: 'repeat:every:17' }],
  ])('%s names its queue and its id', (key, expected) => {
    expect(parseJobKey(key)).toEqual(expected);
  });
});
