/**
 * What do lists, counts, reads, adds, redriving, cleaning and draining take in a queue of a million jobs: time, memory, and the
 * longest command of Redis? Half of the jobs wait, half have failed, a thousand of those in each millisecond.
 *
 * A part of the calls is made one by one, each small enough to be one command: `RedisCostMeter` says how long that kept Redis from
 * others, also on a machine that is busy.
 */
import { subscribe } from 'node:diagnostics_channel';
import { parseArgs } from 'node:util';
import { createRedisBackend, defineQueue, Queues } from '@holdfast/queue';
import { PlainRedis, RedisCostMeter, startRedis } from '@holdfast/testing';
import { Type } from 'typebox';

const { values } = parseArgs({
  options: { jobs: { type: 'string', default: '1000000' }, samples: { type: 'string', default: '300' } },
});
const [jobs, samples] = [Number(values.jobs), Number(values.samples)];
const half = Math.floor(jobs / 2);
const some = Math.min(20_000, half / 4);
const redis = await startRedis();
const definition = defineQueue({
  name: 'large',
  description: 'Has very many jobs.',
  payload: Type.Object({ n: Type.Integer(), text: Type.Optional(Type.String()) }),
  attempts: 3,
  timeoutMs: 60_000,
  concurrency: 1,
  retention: { completed: {}, failed: {} },
});
const { name } = definition;
const backend = createRedisBackend({
  target: { kind: 'standalone', host: redis.host, port: redis.port },
  commandTimeoutMs: 60_000,
});
const queues = new Queues({ backend, definitions: [definition] });
const plain = await PlainRedis.connect(redis.url);
const meter = await RedisCostMeter.connect(redis.url);
let sent = 0;
subscribe('holdfast:queue:command', () => void (sent += 1));

interface Operation {
  readonly what: string;
  /** Many commands. */
  readonly whole: () => Promise<unknown>;
  /** One command; `n` counts the samples. Absent for what cannot be asked for in pieces. */
  readonly one?: (n: number) => Promise<unknown>;
}

const rows = (count: number, text?: string) =>
  Array.from({ length: count }, (_, n) => ({ data: { n, ...(text !== undefined && { text }) } }));
const failedId = (n: number): string => `failed-${Math.floor((n * half) / samples) + 1}`;
/** A page behind a job in the middle of the state, as a cursor names it. */
const behind = (state: string, place: number, id: string): string =>
  Buffer.from(`${state}\n${place}\n${id}`).toString('base64url');

const operations: readonly Operation[] = [
  {
    what: 'count, 1000 times',
    whole: async () => repeat(1000, async () => queues.summary(name)),
    one: async () => queues.summary(name),
  },
  {
    what: `list ${half} that wait, 1000 a page`,
    whole: async () => listAll('prioritized'),
    one: async (n) => {
      const at = Math.floor((n * half) / samples) + 1;
      return queues.admin.list(name, { limit: 200, cursor: behind('prioritized', 10 * 2 ** 32 + at, `waits-${at}`) });
    },
  },
  {
    what: `list ${half} that failed, 1000 a page`,
    whole: async () => listAll('failed'),
    one: async (n) =>
      queues.admin.list(name, { limit: 200, cursor: behind('failed', failedAt(n * 1000), `${failedId(n)}-gone`) }),
  },
  {
    what: 'look for a name that none has, 50 pages of 2000',
    whole: async () => {
      let cursor: string | null | undefined;
      for (let pages = 0; pages < 50 && cursor !== null; pages += 1) {
        const options = { state: 'failed', name: 'nobody', ...(cursor !== undefined && { cursor }) } as const;
        ({ cursor } = await queues.admin.list(name, options));
      }
    },
    // Its four commands together.
    one: async () => queues.admin.list(name, { state: 'failed', name: 'nobody' }),
  },
  {
    what: 'read 1000 jobs',
    whole: async () => repeat(1000, async (n) => queues.get(name, failedId(n % samples))),
    one: async (n) => queues.get(name, failedId(n)),
  },
  {
    what: `add ${some} jobs`,
    whole: async () => repeat(some / 1000, async () => queues.addMany(name, rows(1000))),
    one: async () => queues.addMany(name, rows(50)),
  },
  {
    what: `add ${some} jobs of 1 KB`,
    whole: async () => repeat(some / 1000, async () => queues.addMany(name, rows(1000, 'x'.repeat(1000)))),
    one: async () => queues.addMany(name, rows(50, 'x'.repeat(1000))),
  },
  {
    what: 'clean of those that failed a year ago: none',
    whole: async () => queues.admin.clean(name, { state: 'failed', olderThanMs: 365 * 86_400_000 }),
    one: async () => queues.admin.clean(name, { state: 'failed', olderThanMs: 365 * 86_400_000 }),
  },
  {
    what: `redrive ${some}`,
    whole: async () => queues.redrive(name, { limit: some }),
    one: async () => queues.redrive(name, { limit: 20 }),
  },
  {
    what: `clean ${some} that failed`,
    whole: async () => repeat(some / 1000, async () => queues.admin.clean(name, { state: 'failed', limit: 1000 })),
    one: async () => queues.admin.clean(name, { state: 'failed', limit: 20 }),
  },
  {
    what: `clean ${some} that wait`,
    whole: async () => repeat(some / 1000, async () => queues.admin.clean(name, { state: 'prioritized', limit: 1000 })),
    one: async () => queues.admin.clean(name, { state: 'prioritized', limit: 20 }),
  },
  { what: `drain ${half}`, whole: async () => queues.admin.drain(name) },
];

try {
  await fill();
  await queues.summary(name);
  const memory = Number(/used_memory:(\d+)/.exec(String(await plain.send('INFO', 'memory')))?.[1]);
  console.log(`${jobs.toLocaleString('en')} jobs, in ${(memory / 1_000_000).toFixed(0)} MB of Redis\n`);
  console.log(
    '| | commands | time | of that the processor of Redis | one by one: median | 99 % | most | memory of this process |\n|---|---:|---:|---:|---:|---:|---:|---:|',
  );
  for (const operation of operations) await measure(operation);
} finally {
  plain.close();
  meter.close();
  await queues.close();
  await redis.stop();
}

async function measure({ what, whole, one }: Operation): Promise<void> {
  const costs: number[] = [];
  if (one !== undefined) {
    // Redis is sent the text of a script once.
    await one(0);
    for (let n = 0; n < samples; n += 1) costs.push((await meter.measure(async () => one(n))).costMs);
  }
  const sorted = costs.toSorted((a, b) => a - b);
  const at = (share: number): string => {
    const cost = sorted[Math.floor(share * (sorted.length - 1))];
    return cost === undefined ? '–' : `${cost.toFixed(2)} ms`;
  };
  sent = 0;
  const before = await processorSeconds();
  const startedAt = performance.now();
  await whole();
  const took = (performance.now() - startedAt) / 1000;
  const processor = (await processorSeconds()) - before;
  const memory = `${(process.memoryUsage().rss / 1_000_000).toFixed(0)} MB`;
  console.log(
    `| ${what} | ${sent.toLocaleString('en')} | ${took.toFixed(1)} s | ${processor.toFixed(1)} s | ${at(0.5)} | ${at(0.99)} | ${at(1)} | ${memory} |`,
  );
}

async function repeat(times: number, act: (n: number) => Promise<unknown>): Promise<void> {
  for (let n = 0; n < times; n += 1) await act(n);
}

async function listAll(state: 'prioritized' | 'failed'): Promise<void> {
  for (let cursor: string | null | undefined; cursor !== null;) {
    const options = { state, limit: 1000, ...(cursor !== undefined && { cursor }) };
    ({ cursor } = await queues.admin.list(name, options));
  }
}

function failedAt(n: number): number {
  return 1_790_000_000_000 + Math.floor(n / 1000);
}

/** Written as BullMQ writes them, in Redis itself, so that it takes seconds. */
async function fill(): Promise<void> {
  const script = `
    for n = tonumber(ARGV[1]), tonumber(ARGV[2]) do
      local waits, failed = KEYS[1] .. 'waits-' .. n, KEYS[1] .. 'failed-' .. n
      local common = {'name', 'large', 'data', '{"n":' .. n .. '}', 'timestamp', 1700000000000, 'opts', '{"attempts":3}', 'priority', 10, 'delay', 0}
      redis.call('HSET', waits, unpack(common))
      redis.call('ZADD', KEYS[1] .. 'prioritized', string.format('%.0f', 10 * 2^32 + n), 'waits-' .. n)
      redis.call('HSET', failed, 'atm', 3, 'ats', 3, 'failedReason', 'E: x', 'stacktrace', '[]', 'processedOn', 1700000000000,
        'finishedOn', ARGV[3], unpack(common))
      redis.call('ZADD', KEYS[1] .. 'failed', ARGV[3], 'failed-' .. n)
    end
    redis.call('SET', KEYS[1] .. 'pc', ARGV[2])`;
  for (let at = 1; at <= half; at += 1000) {
    const last = Math.min(at + 999, half);
    const prefix = `${backend.prefixOf(name)}:${name}:`;
    await plain.send('EVAL', script, '1', prefix, `${at}`, `${last}`, `${failedAt(at)}`);
  }
}

async function processorSeconds(): Promise<number> {
  const info = String(await plain.send('INFO', 'cpu'));
  const seconds = ['sys', 'user'].map((kind) => Number(info.match(`used_cpu_${kind}_main_thread:([\\d.]+)`)?.[1]));
  return seconds.reduce((sum, one) => sum + one, 0);
}
