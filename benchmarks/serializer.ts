import { deserialize, serialize } from '@holdfast/redis-core';
import * as devalue from 'devalue';
import { Packr } from 'msgpackr';
import superjson from 'superjson';

/**
 * How fast does the serializer write and read, and how long is what it writes? Beside plain JSON (which loses types),
 * superjson, devalue and msgpackr. They take turns in many short rounds, and each is given its best one, so that what
 * else the machine does matters little.
 */

interface Candidate {
  readonly name: string;
  readonly write: (value: unknown) => string | Buffer;
  readonly read: (stored: string | Buffer) => unknown;
}

const ROUNDS = 30;
const ROUND_MS = 15;

const packr = new Packr({ structuredClone: true, moreTypes: true });
const candidates: readonly Candidate[] = [
  { name: 'JSON', write: (value) => JSON.stringify(value), read: (stored) => JSON.parse(String(stored)) as unknown },
  { name: 'Holdfast', write: (value) => serialize(value), read: (stored) => deserialize(stored) },
  {
    name: 'Holdfast, zstd above 1 kB',
    write: (value) => serialize(value, { compressAboveBytes: 1024 }),
    read: (stored) => deserialize(stored),
  },
  {
    name: 'superjson',
    write: (value) => superjson.stringify(value),
    read: (stored) => superjson.parse(String(stored)),
  },
  {
    name: 'devalue',
    write: (value) => devalue.stringify(value),
    read: (stored) => devalue.parse(String(stored)) as unknown,
  },
  {
    name: 'msgpackr',
    write: (value) => Buffer.from(packr.pack(value)),
    read: (stored) => packr.unpack(Buffer.from(stored as Buffer)) as unknown,
  },
];

const product = {
  id: 'prod_01HZX3K7Q2',
  name: 'RTX 4090 24GB',
  region: 'eu-central-1',
  price: 0.35,
  available: true,
  cpu: { cores: 16, model: 'EPYC 7543' },
  memoryGb: 64,
  tags: ['gpu', 'spot', 'nvme'],
  updatedAt: '2026-03-01T12:00:00.000Z',
};
const page = { total: 45, items: Array.from({ length: 45 }, (_, index) => ({ ...product, id: `prod_${index}` })) };
const special = {
  ...product,
  updatedAt: new Date('2026-03-01T12:00:00Z'),
  views: 9_007_199_254_740_993n,
  seen: new Set(['a', 'b', 'c']),
  prices: new Map([
    ['hour', 0.35],
    ['month', 210],
  ]),
  vector: Float32Array.from({ length: 32 }, (_, index) => index / 32),
};

/** Operations per second in one round. */
function rate(work: () => unknown): number {
  const startedAt = performance.now();
  let count = 0;
  let elapsedMs = 0;
  while (elapsedMs < ROUND_MS) {
    for (let index = 0; index < 50; index += 1) work();
    count += 50;
    elapsedMs = performance.now() - startedAt;
  }
  return (count * 1000) / elapsedMs;
}

function compare(title: string, value: unknown, contestants: readonly Candidate[]): void {
  const lanes = contestants.map(({ name, write, read }) => {
    // What Redis gives back is bytes, so reading begins with bytes.
    const stored = Buffer.from(write(value) as string);
    return {
      name,
      bytes: stored.length,
      write: (): unknown => write(value),
      read: (): unknown => read(stored),
      best: [0, 0],
    };
  });
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const lane of lanes) {
      const [writes = 0, reads = 0] = lane.best;
      lane.best = [Math.max(writes, rate(lane.write)), Math.max(reads, rate(lane.read))];
    }
  }
  const reference = lanes[0]?.best ?? [1, 1];
  const figures = (best: number, of = 1): string => `${Math.round(best / 1000)}k (${(best / of).toFixed(2)})`;
  console.log(`\n${title}\n\n| | writes/s (of the first) | reads/s (of the first) | bytes |\n|---|---:|---:|---:|`);
  for (const { name, bytes, best } of lanes) {
    console.log(
      `| ${name} | ${figures(best[0] ?? 0, reference[0])} | ${figures(best[1] ?? 0, reference[1])} | ${bytes} |`,
    );
  }
}

compare('Plain JSON, about 230 bytes', product, candidates);
compare('Plain JSON, about 10 kB', page, candidates);
// JSON cannot write this one at all.
compare('With a Date, a BigInt, a Set, a Map and a Float32Array', special, candidates.slice(1));
