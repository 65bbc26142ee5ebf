import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';

export interface LoadResult {
  /** Answers per second, the average of the round. */
  readonly requestsPerSecond: number;
  /** Milliseconds. */
  readonly p99: number;
  /** Microseconds of processor time that the server spent for each; `null` where the system does not say (no /proc). */
  readonly processorTime: number | null;
}

/**
 * Fetched by npx when it is first used. As a dependency it would be one of everybody's first start, and its peers changed
 * how the packages of the production images are resolved.
 */
const autocannon = ['--yes', 'autocannon@9.0.0'];
const run = promisify(execFile);

export interface Target {
  readonly url: string;
  /** Sent as JSON with POST; without it the URL is asked with GET. */
  readonly post?: string;
}

export interface LoadOptions {
  readonly connections: number;
  readonly seconds: number;
}

/** What autocannon says of a round. */
export interface Round {
  readonly requests: { readonly average: number; readonly total: number };
  readonly latency: { readonly p99: number };
  readonly '2xx': number;
  readonly errors: number;
  readonly non2xx: number;
  /** Seconds. */
  readonly duration: number;
}

/**
 * Loads a URL from a process of its own, so that the load does not share an event loop with what it measures.
 *
 * @param prefix of the command, such as `taskset -c 1`
 */
export async function round(
  { url, post }: Target,
  { connections, seconds }: LoadOptions,
  { prefix = [], args = [] }: { readonly prefix?: readonly string[]; readonly args?: readonly string[] } = {},
): Promise<Round> {
  const [command, ...rest] = [
    ...prefix,
    'npx',
    ...autocannon,
    '--json',
    '--connections',
    `${connections}`,
    '--duration',
    `${seconds}`,
    ...args,
    ...(post === undefined ? [] : ['--method', 'POST', '--headers', 'content-type=application/json', '--body', post]),
    url,
  ];
  const { stdout } = await run(command, rest, { maxBuffer: 16 * 1024 * 1024 });
  return JSON.parse(stdout) as Round;
}

/**
 * The same, for a server whose processor time is measured.
 * @throws when any answer was not a 2xx: a fast refusal is no result.
 */
export async function load(target: Target & { readonly pid: number }, options: LoadOptions): Promise<LoadResult> {
  const { url, pid } = target;
  const before = processorTime(pid);
  const result = await round(target, options);
  if (result.errors > 0 || result.non2xx > 0) {
    throw new Error(`${url}: ${result.errors} errors and ${result.non2xx} answers other than 2xx.`);
  }
  const spent = before === null ? null : (processorTime(pid) ?? before) - before;
  return {
    requestsPerSecond: result.requests.average,
    p99: result.latency.p99,
    processorTime: spent === null ? null : spent / result.requests.total,
  };
}

/** Of a process since its start, in microseconds: `utime` and `stime` of /proc, in ticks of 10 ms. */
export function processorTime(pid: number): number | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10_000;
  } catch {
    return null;
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}
