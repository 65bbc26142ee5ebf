/**
 * With ten times the connections at which one API process answers most, how much of that does it still answer, and how late?
 *
 * The API has one processor to itself; the load and Redis share another. Every connection sends its next request as soon as it
 * has an answer, also after a refusal. What others on the machine take away changes the rates and the times, but hardly what the
 * API accepts for a second of its own processor time: that is what the share of the peak is of.
 */
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { eventually, freePort, spawnNode, startRedis } from '@holdfast/testing';
import { median, processorTime, round, type Target } from './load.ts';
import { body, contentType } from './payload.ts';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, seconds: { type: 'string', default: '4' } },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const steps = [16, 32, 64, 128];
const path = '/v1/cache/prompts/benchmark';
const job = JSON.stringify({ data: { url: 'https://example.com/' }, options: { delay: '1h' } });

const directory = await mkdtemp(join(tmpdir(), 'holdfast-overload-'));
const redis = await startRedis();
execFileSync('taskset', ['-cp', '1', `${redis.pid}`]);
try {
  console.log(`Load of the machine before: ${loadavg()[0]?.toFixed(1)}\n`);
  console.log(
    '| | connections | accepted/s | for a second of processor time | of the peak | p99 of the accepted | refused/s | slowest probe | memory |',
  );
  console.log('|---|---:|---:|---:|---:|---:|---:|---:|---:|');
  await withApi(0, async (api) => {
    await measure('L2 read', api, { url: api.origin + path });
    await measure('job', api, { url: `${api.origin}/v1/queues/http-delivery/jobs`, post: job });
  });
  await withApi(64 * 1024 * 1024, (api) => measure('L1 read', api, { url: api.origin + path }));
} finally {
  await redis.stop();
  await rm(directory, { recursive: true, force: true });
}

interface Api {
  readonly origin: string;
  readonly pid: number;
  /** Of the thread that answers probes. */
  readonly probe: string;
}

/** An API on a processor of its own, whose L1 has so many bytes. */
async function withApi(l1Bytes: number, use: (api: Api) => Promise<void>): Promise<void> {
  const [port, healthPort] = [await freePort(), await freePort()];
  const own = join(directory, `${port}`);
  await mkdir(own);
  await writeFile(join(own, 'holdfast.yaml'), `cache:\n  l1:\n    maxBytes: ${l1Bytes}\n`);
  const child = spawnNode(new URL('../apps/api/src/server.ts', import.meta.url), {
    env: {
      PORT: `${port}`,
      HEALTH_PORT: `${healthPort}`,
      REDIS_URL: redis.url,
      HOLDFAST_DATA_DIR: own,
      LOG_FILE: join(own, 'api.log'),
    },
    cwd: own,
    prefix: ['taskset', '-c', '0'],
  });
  const origin = `http://127.0.0.1:${port}`;
  const probe = `http://127.0.0.1:${healthPort}/health/live`;
  try {
    await eventually(async () => {
      for (const url of [`${origin}/health/ready`, probe]) {
        if ((await fetch(url)).status !== 200) throw new Error('It is not ready.');
      }
    });
    await fetch(origin + path, { method: 'PUT', body, headers: { 'content-type': contentType } });
    await use({ origin, pid: child.pid, probe });
  } finally {
    await child.kill('SIGTERM');
  }
}

/** Looks for the peak, and then for what is left of it, in turns: whatever else the machine does hits both alike. */
async function measure(name: string, api: Api, target: Target): Promise<void> {
  await load(api, target, 64, 2); // Warm.
  let peak = { connections: 0, efficiency: 0 };
  for (const connections of steps) {
    const figures = await load(api, target, connections, seconds);
    if (figures.efficiency > peak.efficiency) peak = { connections, efficiency: figures.efficiency };
  }
  const atPeak: Figures[] = [];
  const beyond: Figures[] = [];
  for (let turn = 0; turn < rounds; turn += 1) {
    atPeak.push(await load(api, target, peak.connections, seconds));
    beyond.push(await load(api, target, 10 * peak.connections, seconds));
  }
  await row(name, api, peak.connections, medians(atPeak));
  const share = medians(beyond).efficiency / medians(atPeak).efficiency;
  await row(name, api, 10 * peak.connections, medians(beyond), `${Math.round(100 * share)} %`);
}

function medians(list: readonly Figures[]): Figures {
  const of = (name: keyof Figures): number => median(list.map((figures) => figures[name]));
  return {
    accepted: of('accepted'),
    efficiency: of('efficiency'),
    refused: of('refused'),
    p99: of('p99'),
    probe: Math.max(...list.map(({ probe }) => probe)),
  };
}

interface Figures {
  /** A second. */
  readonly accepted: number;
  /** For a second of processor time of the API. */
  readonly efficiency: number;
  /** A second. */
  readonly refused: number;
  /** Milliseconds, of what was accepted. */
  readonly p99: number;
  /** The slowest, in milliseconds. */
  readonly probe: number;
}

async function load(api: Api, target: Target, connections: number, duration: number): Promise<Figures> {
  const before = processorTime(api.pid) ?? 0;
  const probing = probe(api);
  const result = await round(
    target,
    { connections, seconds: duration },
    { prefix: ['taskset', '-c', '1'], args: ['--excludeErrorStats'] },
  );
  const spentSeconds = ((processorTime(api.pid) ?? 0) - before) / 1_000_000;
  return {
    accepted: result['2xx'] / result.duration,
    efficiency: result['2xx'] / spentSeconds,
    refused: result.non2xx / result.duration,
    p99: result.latency.p99,
    probe: await probing(),
  };
}

/** Asks whether the API is alive, ten times a second; to be called to end that, and to have the time of the slowest answer. */
function probe(api: Api): () => Promise<number> {
  const end = new AbortController();
  const run = async (): Promise<number> => {
    let slowest = 0;
    while (!end.signal.aborted) {
      const startedAt = performance.now();
      await (await fetch(api.probe)).text();
      slowest = Math.max(slowest, performance.now() - startedAt);
      await sleep(100);
    }
    return slowest;
  };
  const running = run();
  return () => {
    end.abort();
    return running;
  };
}

async function row(name: string, api: Api, connections: number, figures: Figures, share = ''): Promise<void> {
  const { accepted, efficiency, refused, p99, probe: slowest } = figures;
  const status = await readFile(`/proc/${api.pid}/status`, 'utf8');
  const [, kib = '0'] = /^VmRSS:\s+(\d+) kB$/m.exec(status) ?? [];
  const memory = `${Math.round(Number(kib) / 1024)} MiB`;
  const rates = `${Math.round(accepted)} | ${Math.round(efficiency)} | ${share}`;
  const times = `${p99} ms | ${Math.round(refused)} | ${Math.round(slowest)} ms`;
  console.log(`| ${name} | ${connections} | ${rates} | ${times} | ${memory} |`);
}
