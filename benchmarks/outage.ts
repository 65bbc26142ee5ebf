/**
 * How soon does an engine with the shipped settings notice that Redis is away, how fast does it then fail, and how soon does it
 * work again? Beside plain ioredis with its own defaults and a command timeout of 5 s, under the same faults in the same run.
 * For each fault the median of the rounds; the ratio is Holdfast's time as a share of the peer's in the same round.
 */
import { createEngine } from '@holdfast/redis-core';
import { eventually, FaultProxy, startRedis } from '@holdfast/testing';
import { Redis } from 'ioredis';

const ROUNDS = Number(process.argv[2] ?? 5);
/** Who has not come back by then does not: its ratio is 0. */
const PATIENCE_MS = 15_000;
const server = await startRedis();

interface Candidate {
  readonly get: () => Promise<unknown>;
  readonly close: () => Promise<unknown>;
}
interface Times {
  /** Until the call that was made as it began had failed. */
  readonly noticed: number;
  /** A call after that, to its failure. */
  readonly failing: number;
  /** From the end of the fault to the first call that succeeds. */
  readonly healed: number;
}

const open = {
  holdfast: (host: string, port: number): Candidate => {
    const engine = createEngine({ name: 'outage', target: { kind: 'standalone', host, port } });
    return { get: async () => engine.get('key'), close: async () => engine.close() };
  },
  ioredis: (host: string, port: number): Candidate => {
    const redis = new Redis({ host, port, commandTimeout: 5000, maxRetriesPerRequest: 1 });
    redis.on('error', () => undefined);
    return { get: async () => redis.get('key'), close: async () => redis.disconnect() };
  },
};

const faults: readonly [string, (proxy: FaultProxy) => void, (proxy: FaultProxy) => void][] = [
  ['frozen', () => server.pause(), () => server.resume()],
  ['black-holed', (proxy) => proxy.blackhole(), (proxy) => proxy.pass()],
  ['losing everything', (proxy) => proxy.drop(), (proxy) => proxy.pass()],
  ['refusing', (proxy) => proxy.refuse(), (proxy) => proxy.pass()],
];

console.log(
  '| Redis is | noticed after, ms | of ioredis | a call then fails in, ms | of ioredis | healed after, ms | of ioredis |',
);
console.log('|---|---:|---:|---:|---:|---:|---:|');
for (const [name, begin, end] of faults) {
  const ours: Times[] = [];
  const theirs: Times[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    ours.push(await measure(open.holdfast, begin, end));
    theirs.push(await measure(open.ioredis, begin, end));
  }
  const columns = (['noticed', 'failing', 'healed'] as const).flatMap((part) => [
    median(ours.map((times) => times[part])).toFixed(1),
    median(ours.map((times, round) => times[part] / (theirs[round]?.[part] ?? Number.NaN))).toFixed(3),
  ]);
  console.log(`| ${name} | ${columns.join(' | ')} |`);
}
await server.stop();

async function measure(
  create: (host: string, port: number) => Candidate,
  begin: (proxy: FaultProxy) => void,
  end: (proxy: FaultProxy) => void,
): Promise<Times> {
  const proxy = await FaultProxy.listen(server.url);
  const candidate = create(proxy.host, proxy.port);
  await eventually(() => candidate.get());
  const failed = async (): Promise<number> => {
    const startedAt = performance.now();
    // What was answered before the fault began is no failure.
    while (
      await candidate.get().then(
        () => true,
        () => false,
      )
    );
    return performance.now() - startedAt;
  };
  begin(proxy);
  const noticed = await failed();
  const failing = await failed();
  end(proxy);
  const endedAt = performance.now();
  const healed = await eventually(() => candidate.get(), { intervalMs: 1, timeoutMs: PATIENCE_MS }).then(
    () => performance.now() - endedAt,
    () => Infinity,
  );
  await candidate.close();
  await proxy.close();
  return { noticed, failing, healed };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
