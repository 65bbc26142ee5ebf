import { parseArgs } from 'node:util';
import { createEngine, pipeline, type PipelineOperation, type RedisEngine } from '@holdfast/redis-core';
import { startRedis } from '@holdfast/testing';
import { Redis } from 'ioredis';
import { median } from './load.ts';

/**
 * What does the engine cost over ioredis alone: processor time of this process per operation, and time that passes? For
 * single operations of 64 callers, and for 10,000 in one call. Candidates take turns; a ratio is the median of the ratios
 * within the rounds. A ratio below 1 means that the engine is cheaper than the client that it uses.
 */
const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    operations: { type: 'string', default: '20000' },
    callers: { type: 'string', default: '64' },
    only: { type: 'string', default: '' },
  },
});
const ROUNDS = Number(options.rounds);
const SINGLE = Number(options.operations);
const CALLERS = Number(options.callers);
const BULK = 10_000;

interface Candidate {
  readonly name: string;
  /** Does `count` operations and resolves when all are answered. */
  readonly act: () => Promise<unknown>;
  readonly count: number;
}

interface Cost {
  readonly cpuUs: number;
  readonly wallUs: number;
}

const server = await startRedis();
const target = { host: server.host, port: server.port };
const engine: RedisEngine = createEngine({ name: 'benchmark', target: { kind: 'standalone', ...target } });
const automatic = new Redis({ ...target, protocol: 2, enableAutoPipelining: true });
const plain = new Redis({ ...target, protocol: 2 });

const value = Buffer.from('x'.repeat(235));
const keys = Array.from({ length: BULK }, (_, index) => `key:${index}`);
const few = keys.slice(0, 10);
/** What is read, overwritten and deleted is there. */
const refill = (): Promise<unknown> => engine.batch(keys.map((key) => ({ op: 'set', key, value })));
await refill();

let at = 0;
/** Another key for each call. */
const next = (): string => keys[(at = (at + 1) % BULK)] ?? '';

const single: Record<string, Record<string, () => Promise<unknown>>> = {
  get: {
    'ioredis, auto-pipelined': () => automatic.getBuffer(next()),
    ioredis: () => plain.getBuffer(next()),
    engine: () => engine.get(next()),
  },
  set: {
    'ioredis, auto-pipelined': () => automatic.set(next(), value, 'PX', 60_000),
    ioredis: () => plain.set(next(), value, 'PX', 60_000),
    engine: () => engine.set(next(), value, { pxMs: 60_000 }),
  },
  'mget of 10': {
    'ioredis, auto-pipelined': () => automatic.mgetBuffer(few),
    ioredis: () => plain.mgetBuffer(few),
    engine: () => engine.mget(few),
  },
};

const carriedOut = (operations: readonly PipelineOperation[]) => (): Promise<unknown> => pipeline(engine, operations);
const bulk: Record<string, Record<string, () => Promise<unknown>>> = {
  get: {
    'ioredis pipeline': () => piped((list) => keys.forEach((key) => list.getBuffer(key))),
    'engine.batch': () => engine.batch(keys.map((key) => ({ op: 'get', key }))),
    pipeline: carriedOut(keys.map((key) => ({ op: 'get', key }))),
  },
  set: {
    'ioredis pipeline': () => piped((list) => keys.forEach((key) => list.set(key, value, 'PX', 60_000))),
    'engine.batch': () => engine.batch(keys.map((key) => ({ op: 'set', key, value, pxMs: 60_000 }))),
    pipeline: carriedOut(keys.map((key) => ({ op: 'set', key, value, pxMs: 60_000 }))),
  },
  delete: {
    'ioredis pipeline': () => piped((list) => keys.forEach((key) => list.unlink(key))),
    'engine.batch': () => engine.batch(keys.map((key) => ({ op: 'del', keys: [key] }))),
    pipeline: carriedOut(keys.map((key) => ({ op: 'del', key }))),
  },
};

for (const [name, ways] of Object.entries(single)) {
  await compare(`${name}, ${CALLERS} callers`, ways, SINGLE, (act) => lanes(act));
}
for (const [name, ways] of Object.entries(bulk)) {
  await compare(`${name}, ${BULK} in one call`, ways, BULK, (act) => act());
}
await engine.close();
automatic.disconnect();
plain.disconnect();
await server.stop();

function piped(fill: (list: ReturnType<Redis['pipeline']>) => void): Promise<unknown> {
  const list = plain.pipeline();
  fill(list);
  return list.exec();
}

async function lanes(act: () => Promise<unknown>): Promise<void> {
  let left = SINGLE;
  const lane = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await act();
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, lane));
}

async function compare(
  title: string,
  ways: Record<string, () => Promise<unknown>>,
  count: number,
  run: (act: () => Promise<unknown>) => Promise<unknown>,
): Promise<void> {
  if (!title.includes(options.only)) return;
  const candidates = Object.entries(ways).map(([name, act]): Candidate => ({ name, act: () => run(act), count }));
  const costs = new Map<string, Cost[]>(candidates.map(({ name }) => [name, []]));
  for (let round = -2; round < ROUNDS; round += 1) {
    const first = (round + 2) % candidates.length;
    for (const candidate of [...candidates.slice(first), ...candidates.slice(0, first)]) {
      const cost = await measure(candidate);
      if (round >= 0) costs.get(candidate.name)?.push(cost); // The first rounds only warm up.
    }
  }
  const [peer] = candidates;
  const base = costs.get(peer?.name ?? '') ?? [];
  console.log(`\n| ${title} | processor µs | µs that pass | processor time of the first | time of the first |`);
  console.log('|---|---:|---:|---:|---:|');
  for (const { name } of candidates) {
    const own = costs.get(name) ?? [];
    const ratio = (of: (cost: Cost) => number): string =>
      median(own.map((cost, round) => of(cost) / of(base[round] ?? cost))).toFixed(2);
    const cpu = median(own.map(({ cpuUs }) => cpuUs)).toFixed(2);
    const wall = median(own.map(({ wallUs }) => wallUs)).toFixed(2);
    console.log(`| ${name} | ${cpu} | ${wall} | ${ratio(({ cpuUs }) => cpuUs)} | ${ratio(({ wallUs }) => wallUs)} |`);
  }
}

async function measure({ act, count }: Candidate): Promise<Cost> {
  await refill();
  const before = process.cpuUsage();
  const startedAt = performance.now();
  await act();
  const wallUs = ((performance.now() - startedAt) * 1000) / count;
  const { user, system } = process.cpuUsage(before);
  return { cpuUs: (user + system) / count, wallUs };
}
