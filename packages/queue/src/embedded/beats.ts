import { memoryLimit } from '@holdfast/redis-core';
import { beatThread } from '../consuming/beat-thread.ts';
import type { Beat, BeatReply, Beats } from '../port/beat.ts';
import type { EmbeddedWorkerRegistry } from './worker-registry.ts';

/** A process that may use less than this has no 20 MiB for a thread that watches its event loop. */
const roomyBytes = 1024 * 1024 * 1024;

/**
 * The heartbeat of a process that has the folder for itself: there are no others to be told, nor to be rescued. It asks what
 * became of the jobs, and has the event loop watched where there is memory for that.
 */
export class EmbeddedBeats implements Beats {
  readonly #registry: (queue: string) => EmbeddedWorkerRegistry;
  readonly #release: () => void = memoryLimit() < roomyBytes ? () => undefined : beatThread.use();

  constructor(registry: (queue: string) => EmbeddedWorkerRegistry) {
    this.#registry = registry;
  }

  async beat({ ttlMs, queues }: Beat): Promise<BeatReply> {
    const replies = await Promise.all(queues.map(async ({ name, held }) => this.#registry(name).ask(held)));
    const nothing = { superseded: [], rescued: [], own: [], lookedAt: 0 };
    return { dueMs: undefined, healthyMs: ttlMs, queues: replies.map((reply) => ({ ...nothing, ...reply })) };
  }

  async leave(): Promise<void> {
    // Nobody else could take over.
  }

  async close(): Promise<void> {
    this.#release();
  }
}
