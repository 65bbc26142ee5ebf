/**
 * With ten times the connections at which one API process answers most, how much of that does it still answer, and how late?
 *
 * The API has one processor to itself; the load and Redis share another. Every connection sends its next request as soon as it
 * has an answer, also after a refusal. What others on the machine take away changes the rates and the times, but hardly what the
 * API accepts for a second of its own processor time: that is what the share of the peak is of.
 */
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
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
const port = await freePort();
const file = join(directory, 'without-l1.yaml');
await writeFile(file, 'cache:\n  l1:\n    maxBytes: 0\n');
const api = spawnNode(new URL('../apps/api/src/server.ts', import.meta.url), {
  env: {
    PORT: `${port}`,
    REDIS_URL: redis.url,
    HOLDFAST_CONFIG: file,
    HOLDFAST_DATA_DIR: directory,
    LOG_FILE: join(directory, 'api.log'),
  },
  cwd: directory,
  prefix: ['taskset', '-c', '0'],
});
const origin = `http://127.0.0.1:${port}`;
try {
  await eventually(async () => {
    if ((await fetch(`${origin}/health/ready`)).status !== 200) throw new Error('It is not ready.');
  });
  await fetch(origin + path, { method: 'PUT', body, headers: { 'content-type': contentType } });
  console.log(`Load of the machine before: ${loadavg()[0]?.toFixed(1)}\n`);
  console.log(
    '| | connections | accepted/s | for a second of processor time | of the peak | p99 of the accepted | refused/s | memory |',
  );
  console.log('|---|---:|---:|---:|---:|---:|---:|---:|');
  await measure('L2 read', { url: origin + path });
  await measure('job', { url: `${origin}/v1/queues/http-delivery/jobs`, post: job });
} finally {
  await api.kill('SIGTERM');
  await redis.stop();
  await rm(directory, { recursive: true, force: true });
}

/** Looks for the peak, and then for what is left of it, in turns: whatever else the machine does hits both alike. */
async function measure(name: string, target: Target): Promise<void> {
  await load(target, 64, 2); // Warm.
  let peak = { connections: 0, efficiency: 0 };
  for (const connections of steps) {
    const figures = await load(target, connections, seconds);
    if (figures.efficiency > peak.efficiency) peak = { connections, efficiency: figures.efficiency };
  }
  const atPeak: Figures[] = [];
  const beyond: Figures[] = [];
  for (let turn = 0; turn < rounds; turn += 1) {
    atPeak.push(await load(target, peak.connections, seconds));
    beyond.push(await load(target, 10 * peak.connections, seconds));
  }
  await row(name, peak.connections, medians(atPeak));
  const share = medians(beyond).efficiency / medians(atPeak).efficiency;
  await row(name, 10 * peak.connections, medians(beyond), `${Math.round(100 * share)} %`);
}

function medians(list: readonly Figures[]): Figures {
  const of = (name: keyof Figures): number => median(list.map((figures) => figures[name]));
  return { accepted: of('accepted'), efficiency: of('efficiency'), refused: of('refused'), p99: of('p99') };
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
}

async function load(target: Target, connections: number, duration: number): Promise<Figures> {
  const before = processorTime(api.pid) ?? 0;
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
  };
}

async function row(name: string, connections: number, figures: Figures, share = ''): Promise<void> {
  const { accepted, efficiency, refused, p99 } = figures;
  const status = await readFile(`/proc/${api.pid}/status`, 'utf8');
  const [, kib = '0'] = /^VmRSS:\s+(\d+) kB$/m.exec(status) ?? [];
  const memory = `${Math.round(Number(kib) / 1024)} MiB`;
  const rates = `${Math.round(accepted)} | ${Math.round(efficiency)} | ${share}`;
  console.log(`| ${name} | ${connections} | ${rates} | ${p99} ms | ${Math.round(refused)} | ${memory} |`);
}
