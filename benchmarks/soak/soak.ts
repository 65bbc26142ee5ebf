/**
 * What grows? A service is called in all ways for some minutes, while its Redis freezes and dies and other processes of it are
 * restarted; then it is left alone, and looked at. Then the same again for longer. What there is more of the second time is named.
 *
 * `--minutes 30` in all, `--mode redis|embedded|both`
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { eventually, startRedis, type RedisServer } from '@holdfast/testing';
import { growthBetween } from './growth.ts';
import { load } from './load.ts';
import { folderBytes, readMetrics, readProcess, type Amounts, type Metrics } from './reading.ts';
import { startSoakReceiver } from './receiver.ts';
import { readRedis } from './redis-keys.ts';
import { ServiceProcess } from './service.ts';
import { Tally } from './tally.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    mode: { type: 'string', default: 'both' },
    callers: { type: 'string', default: '12' },
  },
});
const modes = values.mode === 'both' ? ['redis', 'embedded'] : [values.mode];
const minutes = Number(values.minutes) / modes.length;
if (!(minutes >= 0.5) || modes.some((mode) => mode !== 'redis' && mode !== 'embedded')) {
  console.error(
    'Usage: npm run soak -- [--minutes 30] [--mode redis|embedded|both] [--callers 12]; half a minute a mode at least.',
  );
  process.exit(2);
}
/** Of the time: to get warm, with the first faults; the work that must leave nothing behind; twice to come to rest. */
const parts = { warm: 0.25, work: 0.5, rest: 0.125 };

interface Subject {
  readonly name: string;
  readonly read: () => Promise<Amounts>;
}

const problems: string[] = [];
for (const mode of modes) {
  console.log(`\n${mode}: ${minutes} minutes, ${values.callers} callers`);
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-soak-'));
  try {
    await (mode === 'redis' ? soakOnRedis(directory) : soakEmbedded(directory));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
console.log(
  problems.length === 0
    ? '\nNothing grew, nothing was lost, and the metrics say what was seen.'
    : `\n${problems.join('\n')}`,
);
process.exitCode = problems.length === 0 ? 0 : 1;

async function soakOnRedis(directory: string): Promise<void> {
  const redis = await startRedis({
    args: ['--appendonly', 'yes', '--appendfsync', 'always', '--maxmemory-policy', 'noeviction'],
  });
  const start = async (kind: 'api' | 'worker', name: string): Promise<ServiceProcess> =>
    ServiceProcess.start({ kind, name, directory, redisUrl: redis.url });
  const observed = [await start('api', 'API'), await start('worker', 'worker')] as const;
  // These are restarted all the time; what that does to the others is seen at those.
  const others = [await start('api', 'other API'), await start('worker', 'other worker')] as const;
  try {
    await soak({
      target: observed[0],
      subjects: [
        ...observed.map((one, at) => ({
          name: at === 0 ? 'API' : 'worker',
          read: async () => readProcess(one.observed),
        })),
        { name: 'Redis', read: async () => readRedis(redis.url) },
      ],
      faults: [
        async () => freeze(redis, 3000),
        async () => others[1].restart('SIGKILL'),
        async () => others[0].restart('SIGTERM'),
        async () => {
          await redis.kill();
          await sleep(4000);
          await redis.start();
        },
        async () => others[0].restart('SIGKILL'),
        async () => others[1].restart('SIGTERM'),
      ],
    });
  } finally {
    await Promise.all([...observed, ...others].map(async (one) => one.stop()));
    await redis.stop();
  }
}

async function soakEmbedded(directory: string): Promise<void> {
  const service = await ServiceProcess.start({ kind: 'api', name: 'embedded', directory, redisUrl: undefined });
  await service.restart('SIGKILL');
  try {
    await soak({
      target: service,
      subjects: [
        {
          name: 'embedded',
          read: async () => ({
            ...(await readProcess(service.observed)),
            diskBytes: await folderBytes(service.dataFolder),
          }),
        },
      ],
      faults: [],
    });
  } finally {
    await service.stop();
  }
}

async function freeze(redis: RedisServer, milliseconds: number): Promise<void> {
  process.kill(redis.pid, 'SIGSTOP');
  await sleep(milliseconds);
  process.kill(redis.pid, 'SIGCONT');
}

interface SoakOptions {
  readonly target: ServiceProcess;
  readonly subjects: readonly Subject[];
  /** One after the other, again and again. */
  readonly faults: readonly (() => Promise<void>)[];
}

async function soak({ target, subjects, faults }: SoakOptions): Promise<void> {
  const tally = new Tally();
  const receiver = await startSoakReceiver((job) => tally.arrive(job));
  const before = await readMetrics(`${target.origin}/metrics`);
  const work = async (part: number): Promise<void> => {
    const end = new AbortController();
    const loading = load({
      origin: target.origin,
      tally,
      receiver: receiver.url,
      callers: Number(values.callers),
      pauseMs: 20,
      signal: end.signal,
    });
    const endsAt = performance.now() + part * minutes * 60_000;
    for (let turn = 0; performance.now() < endsAt; turn += 1) {
      await sleep(Math.max(1000, Math.min(5000, (endsAt - performance.now()) / 4)));
      await faults[turn % faults.length]?.();
    }
    end.abort();
    await loading;
  };
  const rest = async (what: string): Promise<readonly Amounts[]> => {
    console.log(`  ${what}: ${tally.answered} answered, ${tally.failed} failed, ${tally.promises} jobs; at rest …`);
    await eventually(
      () => {
        if (tally.awaited > 0) throw new Error(`${tally.awaited} jobs are still to come.`);
      },
      { timeoutMs: 300_000 },
    ).catch((error: unknown) => {
      problems.push(`LOST: ${tally.awaited} acknowledged jobs did not arrive within five minutes (${String(error)}).`);
      tally.giveUp();
    });
    await sleep(parts.rest * minutes * 60_000);
    const readings: Amounts[] = [];
    for (const subject of subjects) readings.push(await subject.read());
    return readings;
  };
  try {
    await work(parts.warm);
    const first = await rest('warm');
    await work(parts.work);
    const second = await rest('worked');
    for (const [at, { name }] of subjects.entries()) report(name, first[at] ?? {}, second[at] ?? {});
    compare(tally, before, await readMetrics(`${target.origin}/metrics`));
  } finally {
    await receiver.close();
  }
}

function report(name: string, first: Amounts, second: Amounts): void {
  const shown = Object.keys(second).filter((of) => !of.startsWith('heap of'));
  console.log(`  ${name}: ${shown.map((of) => `${of} ${first[of] ?? 0} → ${second[of] ?? 0}`).join(', ')}`);
  for (const { of, before, after } of growthBetween(first, second)) {
    problems.push(`GREW: ${name}: ${of}: ${before} → ${after}`);
  }
}

/** What a client has counted must be what the service says of itself, scrapes and probes left out. */
function compare(tally: Tally, before: Metrics, after: Metrics): void {
  for (const outcome of ['answered', 'failed'] as const) {
    const fits = (labels: string): boolean =>
      labels.includes(`outcome="${outcome}"`) && !/route="\/(?:metrics|(?:api\/)?health[^"]*)"/.test(labels);
    const [start, end] = [before, after].map((metrics) => metrics.sum('holdfast_http_requests_total', fits));
    const said = (end ?? 0) - (start ?? 0);
    console.log(`  ${outcome}: ${tally[outcome]} counted here, ${said} in its metrics`);
    // Who left may have been answered at the same moment.
    if (Math.abs(said - tally[outcome]) > tally.unanswered) {
      problems.push(`DIFFERS: ${outcome}: ${tally[outcome]} counted here, ${said} in its metrics`);
    }
  }
}
