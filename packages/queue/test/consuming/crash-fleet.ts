import { spawnNode, type RedisServer, type SpawnedNode } from '@holdfast/testing';
import { createRedisBackend, Queues } from '../../src/index.ts';
import { crash } from '../fixtures/crash-queue.ts';

export interface FleetEvent {
  readonly what: string;
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly pid: number;
}

const file = new URL('../fixtures/worker-process.ts', import.meta.url);
const keys = 'holdfast:jobs:{crash}:crash:';

/** Processes that work on the queue `crash` of one Redis, and what they have said. */
export class CrashFleet {
  readonly queues: Queues;
  readonly #redis: RedisServer;
  readonly #processes = new Set<SpawnedNode>();
  readonly #all: SpawnedNode[] = [];

  constructor(redis: RedisServer) {
    this.#redis = redis;
    const backend = createRedisBackend({ target: { kind: 'standalone', host: '127.0.0.1', port: redis.port } });
    this.queues = new Queues({ backend, definitions: [crash] });
  }

  get processes(): SpawnedNode[] {
    return [...this.#processes];
  }

  async spawn(env: Readonly<Record<string, string>> = {}): Promise<SpawnedNode> {
    const node = spawnNode(file, { env: { PORT: String(this.#redis.port), ...env } });
    this.#all.push(node);
    this.#processes.add(node);
    await node.waitForLine(/^ready/, { timeoutMs: 30_000 });
    return node;
  }

  /** Kills a process and returns the ids of the jobs that it had begun and that are still its. */
  async kill(node: SpawnedNode): Promise<string[]> {
    await node.kill('SIGKILL');
    this.#processes.delete(node);
    const active = new Set((await this.#redis.command('LRANGE', `${keys}active`, '0', '-1')) as string[]);
    const last = new Map(this.events('start').map((event) => [event.id, event.pid]));
    return [...last].filter(([id, pid]) => pid === node.pid && active.has(id)).map(([id]) => id);
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

  async counts(): Promise<Record<string, number>> {
    return { ...(await this.queues.summary('crash')).counts };
  }

  /** Key of the queue in Redis. */
  key(part: string): string {
    return keys + part;
  }

  async close(): Promise<void> {
    await Promise.all(this.#all.map(async (node) => node.kill('SIGKILL')));
    await this.queues.close();
  }
}
