import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually, spawnNode } from '@holdfast/testing';
import type { SpawnedNode } from '@holdfast/testing';
import { expect } from 'vitest';

/** The root of the repository. */
export const root = fileURLToPath(new URL('../../../..', import.meta.url));

export type Env = Readonly<Record<string, string>>;

/** What was compiled, as containers run it. `npm test` builds before. */
const files = {
  start: 'scripts/start.mjs',
  api: 'apps/api/dist/server.js',
  worker: 'apps/worker/dist/main.js',
  upstream: 'examples/upstream/dist/main.js',
} as const;

/** A folder for one installation: data and the marker by which its processes are found. */
export async function makeDataDir(): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'holdfast-e2e-'));
  return {
    path,
    async remove() {
      killAll(path);
      await rm(path, { recursive: true, force: true });
    },
  };
}

/** Runs one of the programs with nothing but `env`, as from a terminal of its own, and waits for nothing. */
export function run(program: keyof typeof files, env: Env, args: readonly string[] = []): SpawnedNode {
  return spawnNode(join(root, files[program]), { cwd: root, execArgs: [], env, args });
}

export interface Service {
  readonly url: string;
  /** From the start of the process to the moment that the banner or `ready` was seen. */
  readonly startMs: number;
  request(path: string, init?: RequestInit): Promise<Response>;
  /** The body of a 2xx answer. */
  json(path: string, init?: RequestInit): Promise<Record<string, unknown>>;
  post(path: string, body?: unknown): Promise<Record<string, unknown>>;
}

export type Program = Service & { readonly node: SpawnedNode };

/** `npm start` without npm: waits for the banner. */
export async function start(env: Env): Promise<Program> {
  const startedAt = performance.now();
  const node = run('start', { PORT: '0', ...env });
  // `npm start` may have to build first.
  await node.waitForLine(/Ctrl-C stops everything/);
  return { ...serviceAt(addressIn(node.lines.join('\n')), performance.now() - startedAt), node };
}

/** Where the API listens, as the banner says. */
export function addressIn(output: string): string {
  return /^ +address +(http\S+)/m.exec(output)?.[1] ?? '';
}

export interface Terminal extends Service {
  /** SIGINT to the whole foreground group, as a terminal sends it. */
  pressCtrlC(): void;
  output(): string;
  readonly exited: Promise<unknown>;
}

/** `npm start` itself, in a process group of its own. */
export async function npmStart(env: Env): Promise<Terminal> {
  const startedAt = performance.now();
  const { PATH, HOME, TMPDIR } = process.env;
  const child = spawn('npm', ['start'], {
    cwd: root,
    env: { PATH, HOME, TMPDIR, PORT: '0', ...env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => void (output += String(chunk)));
  const exited = once(child, 'exit');
  await eventually(() => expect(output).toContain('Ctrl-C stops everything'), { intervalMs: 50 });
  const service = serviceAt(addressIn(output), performance.now() - startedAt);
  return {
    ...service,
    output: () => output,
    pressCtrlC: () => void process.kill(-(child.pid ?? 0), 'SIGINT'),
    exited,
  };
}

/** Only the API. */
export async function startApi(env: Env): Promise<Program> {
  const startedAt = performance.now();
  const node = run('api', { PORT: '0', ...env });
  const [, address = ''] = await node.waitForLine(/"address":"([^"]+)".*"ready"/);
  return { ...serviceAt(address, performance.now() - startedAt), node };
}

/** Only the worker; `url` is that of its health server. */
export async function startWorker(env: Env): Promise<Program> {
  const startedAt = performance.now();
  const node = run('worker', { WORKER_PORT: '0', ...env });
  const [, address = ''] = await node.waitForLine(/"health":"([^"]+)".*"ready"/);
  return { ...serviceAt(address, performance.now() - startedAt), node };
}

/** Only the sample upstream; its address. */
export async function startUpstream(): Promise<{ readonly node: SpawnedNode; readonly url: string }> {
  const node = run('upstream', {});
  const [, url = ''] = await node.waitForLine(/"url":"([^"]+)"/);
  return { node, url };
}

function serviceAt(url: string, startMs: number): Service {
  const request = async (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`${url}${path}`, { signal: AbortSignal.timeout(120_000), ...init });
  const json = async (path: string, init?: RequestInit): Promise<Record<string, unknown>> => {
    const answer = await request(path, init);
    const text = await answer.text();
    expect(answer.ok, `${init?.method ?? 'GET'} ${path}: ${answer.status} ${text}`).toBe(true);
    return JSON.parse(text) as Record<string, unknown>;
  };
  const post = async (path: string, body?: unknown): Promise<Record<string, unknown>> =>
    json(path, {
      method: 'POST',
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
  return { url, startMs, request, json, post };
}

/** A job once it has ended; asks again until then. */
export async function ended(service: Service, queue: string, id: string): Promise<Record<string, unknown>> {
  return eventually(
    async () => {
      const job = await service.json(`/v1/queues/${queue}/jobs/${id}?wait=30s`);
      expect(job['state']).toMatch(/^(completed|failed)$/);
      return job;
    },
    { intervalMs: 100 },
  );
}

export interface RunningProcess {
  readonly pid: number;
  readonly command: string;
}

/** The processes whose environment holds `marker`: all that were started for one data folder, and what they started. */
export function processesOf(marker: string): RunningProcess[] {
  return process.platform === 'linux' ? fromProc(marker) : fromPs(marker);
}

/** `kill -9` of everything that was started for one data folder. */
export function killAll(marker: string): void {
  for (const { pid } of processesOf(marker)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended meanwhile.
    }
  }
}

function fromProc(marker: string): RunningProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        if (!readFileSync(`/proc/${name}/environ`, 'utf8').includes(marker)) return [];
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
        return [{ pid: Number(name), command }];
      } catch {
        // It ended meanwhile, or belongs to somebody else.
        return [];
      }
    });
}

function fromPs(marker: string): RunningProcess[] {
  const list = execFileSync('ps', ['-Aww', '-E', '-o', 'pid=,command='], { encoding: 'utf8', maxBuffer: 64 * 2 ** 20 });
  return list
    .split('\n')
    .filter((line) => line.includes(marker))
    .map((line) => ({ pid: Number.parseInt(line, 10), command: line.trim() }));
}

/** Resident memory in MB, of all processes of an installation. Linux only; elsewhere 0. */
export function residentMegabytes(marker: string): number {
  if (process.platform !== 'linux') return 0;
  const kilobytes = processesOf(marker).map(({ pid }) => {
    const [, found] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(found ?? 0);
  });
  return Math.round(kilobytes.reduce((sum, value) => sum + value, 0) / 1024);
}
