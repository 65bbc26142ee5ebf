import { eventually, spawnNode, type SpawnedNode } from '@holdfast/testing';
import type { RedisTarget } from '@holdfast/redis-core';
import { expect } from 'vitest';
import { createRedisBackend, Queues, type JobOptions, type JobView, type QueueBackend } from '../../src/index.ts';
import { crash, type CrashJob } from '../fixtures/crash-queue.ts';

export interface FleetEvent {
  readonly what: string;
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly pid: number;
}

const file = new URL('../fixtures/worker-process.ts', import.meta.url);
const keys = 'holdfast:jobs:{crash}:crash:';

/** A job that was left behind by a process that was killed. */
export interface LeftJob {
  readonly id: string;
  /** Tells one fetch from the next. */
  readonly token: string;
  /** Whether it ran in the process that was killed, as far as that had said. */
  readonly hadBegun: boolean;
}

/** A Redis, or a proxy before it. */
export function targetOf({ port }: { readonly port: number }): RedisTarget {
  return { kind: 'standalone', host: '127.0.0.1', port };
}

/** Processes that work on the queue `crash` of one Redis, and what they have said. */
export class CrashFleet {
  readonly queues: Queues;
  readonly #target: RedisTarget;
  readonly #backend: QueueBackend;
  readonly #processes = new Set<SpawnedNode>();
  readonly #all: SpawnedNode[] = [];

  constructor(target: RedisTarget) {
    this.#target = target;
    this.#backend = createRedisBackend({ target });
    this.queues = new Queues({ backend: this.#backend, definitions: [crash] });
  }

  get processes(): SpawnedNode[] {
    return [...this.#processes];
  }

  /**
   * @param env as in `fixtures/worker-process.ts`
   * @param target how it reaches the Redis of the fleet, where that is another way
   */
  async spawn(env: Readonly<Record<string, string>> = {}, target = this.#target): Promise<SpawnedNode> {
    const node = spawnNode(file, { env: { TARGET: JSON.stringify(target), ...env } });
    this.#all.push(node);
    this.#processes.add(node);
    await node.waitForLine(/^ready/);
    return node;
  }

  /**
   * Kills a process and returns the jobs that are active and run in none of those that live: what it had begun, or had
   * fetched and not begun, and what others had left before and nobody has taken over yet.
   */
  async kill(node: SpawnedNode): Promise<LeftJob[]> {
    await node.kill('SIGKILL');
    this.#processes.delete(node);
    const { jobs } = await this.queues.admin.list('crash', { state: 'active' });
    const alive = new Set(this.processes.map(({ pid }) => pid));
    const last = new Map(this.events('start').map((event) => [event.id, event.pid]));
    const left = jobs.filter(({ id }) => !alive.has(last.get(id) ?? 0));
    const tokens = await Promise.all(left.map(async ({ id }) => this.#lockOf(id)));
    return left.map(({ id }, at) => ({ id, token: tokens[at] ?? '', hadBegun: last.get(id) === node.pid }));
  }

  async #lockOf(id: string): Promise<string> {
    const handle = this.#backend.open('crash');
    return handle.call(async (queue) => {
      const client = (await queue.getBackend().client) as { get(key: string): Promise<string | null> };
      return (await client.get(this.key(`${id}:lock`))) ?? '';
    });
  }

  async add(jobId: string, data: CrashJob, options: JobOptions = {}): Promise<void> {
    await this.queues.add('crash', { data, options: { ...options, jobId } });
  }

  async get(id: string): Promise<JobView | undefined> {
    return this.queues.get('crash', id);
  }

  /** In the order in which they happened. */
  events(what?: string): FleetEvent[] {
    return this.#all
      .flatMap(({ pid, lines }) =>
        lines.flatMap((line) => {
          const parts = /^(\S+) (\S+) (\d+)$/.exec(line);
          return parts === null ? [] : [{ what: parts[1] ?? '', id: parts[2] ?? '', at: Number(parts[3]), pid }];
        }),
      )
      .filter((event) => what === undefined || event.what === what)
      .sort((a, b) => a.at - b.at);
  }

  /** Waits until jobs were begun so many times. */
  async untilStarted(count: number): Promise<void> {
    await eventually(() => expect(this.events('start').length).toBeGreaterThanOrEqual(count));
  }

  /** Waits until so many jobs are completed, and no other is there. */
  async untilCompleted(completed: number): Promise<void> {
    await eventually(
      async () => expect(await this.counts()).toMatchObject({ completed, active: 0, failed: 0, prioritized: 0 }),
      { intervalMs: 50 },
    );
  }

  async counts(): Promise<Record<string, number>> {
    return { ...(await this.queues.summary('crash')).counts };
  }

  /** Key of the queue in Redis. */
  key(part: string): string {
    return keys + part;
  }

  /** Key that tells of the workers of all queues. */
  workersKey(part: string): string {
    return `holdfast:jobs:{workers}:${part}`;
  }

  async close(): Promise<void> {
    await Promise.all(this.#all.map(async (node) => node.kill('SIGKILL')));
    await this.queues.close();
  }
}
