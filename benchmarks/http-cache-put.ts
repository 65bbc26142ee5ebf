/**
 * What does a PUT of a large body cost one API process: processor time by the megabyte, and memory while some come at once?
 *
 * Memory is the resident set at its highest during a round, above what it was before; of /proc, so this needs Linux, and the
 * right to reset that mark (the same user).
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { eventually, freePort, spawnNode, startRedis } from '@holdfast/testing';
import { median, processorTime } from './load.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    requests: { type: 'string', default: '96' },
    connections: { type: 'string', default: '16' },
    megabytes: { type: 'string', default: '4' },
  },
});
const [rounds, requests, connections, megabytes] = [
  Number(values.rounds),
  Number(values.requests),
  Number(values.connections),
  Number(values.megabytes),
];
const bytes = megabytes * 1024 * 1024;

interface Payload {
  readonly name: string;
  readonly contentType: string;
  readonly body: Buffer;
}

const payloads: readonly Payload[] = [
  { name: 'bytes', contentType: 'application/octet-stream', body: randomBytes(bytes) },
  { name: 'JSON, records', contentType: 'application/json', body: records(bytes) },
  { name: 'JSON, one text', contentType: 'application/json', body: Buffer.from(JSON.stringify('x'.repeat(bytes - 2))) },
];

const small: Payload = { name: 'small', contentType: 'text/plain', body: Buffer.from('small') };

const redis = await startRedis();
try {
  console.log(
    `\n${connections} connections, ${megabytes} MB a body, median of ${rounds} rounds of ${requests} requests`,
  );
  console.log('| body | processor time | by MB | resident before | at its highest | more, of the bodies at once |');
  console.log('|---|---:|---:|---:|---:|---:|');
  for (const payload of payloads) console.log(await measure(payload));
} finally {
  await redis.stop();
}

/** In a process of its own, as memory that was once used is seldom given back. */
async function measure(payload: Payload): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-benchmark-'));
  const port = await freePort();
  const api = spawnNode(new URL('../apps/api/src/server.ts', import.meta.url), {
    env: {
      HOLDFAST_DATA_DIR: directory,
      REDIS_URL: redis.url,
      PORT: `${port}`,
      LOG_LEVEL: 'warn',
      LOG_FILE: join(directory, 'log'),
    },
    cwd: directory,
  });
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const round = async (some: Payload): Promise<number> => {
    const before = processorTime(api.pid) ?? Number.NaN;
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < requests) {
        next += 1;
        await put(port, agent, some, next);
      }
    };
    await Promise.all(Array.from({ length: connections }, lane));
    return ((processorTime(api.pid) ?? Number.NaN) - before) / 1000 / requests;
  };
  try {
    await eventually(async () => {
      if (!(await fetch(`http://127.0.0.1:${port}/health/ready`)).ok) throw new Error('not ready');
    });
    for (let count = 0; count < 10; count += 1) await round(small); // Warm: compiled and connected.
    writeFileSync(`/proc/${api.pid}/clear_refs`, '5'); // The highest is what it is now.
    const before = residentMb(api.pid, 'VmRSS');
    const times: number[] = [];
    await round(payload);
    for (let count = 0; count < rounds; count += 1) times.push(await round(payload));
    const highest = residentMb(api.pid, 'VmHWM');
    const time = median(times);
    const atOnce = ((highest - before) / (connections * megabytes)).toFixed(1);
    return `| ${payload.name} | ${time.toFixed(1)} ms | ${(time / megabytes).toFixed(1)} ms | ${before.toFixed(0)} MB | ${highest.toFixed(0)} MB | ${atOnce} × |`;
  } finally {
    agent.destroy();
    await api.kill('SIGTERM');
    await rm(directory, { recursive: true, force: true });
  }
}

async function put(
  port: number,
  agent: Agent,
  { contentType, body }: Omit<Payload, 'name'>,
  number: number,
): Promise<void> {
  const headers = { 'content-type': contentType, 'content-length': body.length };
  const path = `/v1/cache/prompts/large-${number % 32}`;
  const call = request({ host: '127.0.0.1', port, path, method: 'PUT', agent, headers });
  call.end(body);
  const [response] = (await once(call, 'response')) as [IncomingMessage];
  response.resume();
  await once(response, 'end');
  // Refused for now by a service that protects itself.
  if (response.statusCode === 503) return put(port, agent, { contentType, body }, number);
  if (response.statusCode !== 201 && response.statusCode !== 204)
    throw new Error(`PUT answered ${response.statusCode}`);
}

function residentMb(pid: number, mark: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`${mark}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024;
}

/** A list of small records: mostly short texts and numbers. */
function records(length: number): Buffer {
  const parts: string[] = [];
  for (let id = 0, size = 0; size < length - 200; id += 1) {
    const record = JSON.stringify({
      id,
      name: `record-${id}`,
      price: id / 7,
      tags: ['a', 'b'],
      isActive: id % 2 === 0,
    });
    parts.push(record);
    size += record.length + 1;
  }
  return Buffer.from(`[${parts.join(',')}]`);
}
