import type { RedisQueueBackend } from 'bullmq';
import { lockDurationMs } from '../port/consumer-tuning.ts';
import type { Beat, BeatReply, CancelOutcome, HeldJob, WorkerRegistry } from '../port/worker-registry.ts';
import type { QueueHandle } from '../port/backend.ts';
import { RedisScript } from './script.ts';
import type { RedisClient } from './connection-watch.ts';

// Jobs are given back with BullMQ's own script.
const beatScript = new RedisScript('worker-beat', 'moveJobFromActiveToWait', ['server-time']);
const giveBackScript = new RedisScript('give-back', 'moveJobFromActiveToWait');
// A job that waits fails with BullMQ's own script.
const cancelScript = new RedisScript('cancel-job', ['moveToFinished'], ['server-time', 'fail-job']);

type Reply = [string, number, string[], string[], (string | number)[], string[]];

/**
 * The registry of one queue in Redis, on the connection of its producer: that one fails fast and keeps nothing for
 * later, so a beat says something about now.
 */
export class RedisWorkerRegistry implements WorkerRegistry {
  readonly #handle: QueueHandle;

  constructor(handle: QueueHandle) {
    this.#handle = handle;
  }

  async beat(beat: Beat): Promise<BeatReply> {
    const { workerId, ttlMs, link, crashLimit, everything, running } = beat;
    const reply = await this.#run((client, backend) =>
      beatScript.run(client, backend.toKey(''), [
        workerId,
        ttlMs,
        link ?? '',
        crashLimit,
        everything ? 1 : 0,
        lockDurationMs,
        ...running.flatMap(({ id, token }) => [id, token]),
      ]),
    );
    const [since, due, lost, cancelled, rescued, own] = reply as Reply;
    // A job may have ended since, and run again under another token: what was asked is what is answered.
    const tokens = new Map(running.map(({ id, token }) => [id, token]));
    const held = (id: string): HeldJob => ({ id, token: tokens.get(id) ?? '' });
    return {
      link: since,
      dueMs: due < 0 ? undefined : due,
      lost: lost.map(held),
      cancelled: pairs(cancelled).map(([id, failure]) => ({ ...held(id), failure })),
      rescued: pairs(rescued).map(([id, crashes]) => ({ id: String(id), crashes: Number(crashes) })),
      own: pairs(own).map(([id, token]): HeldJob => ({ id, token })),
    };
  }

  async leave(workerId: string, holdsJobs: boolean): Promise<void> {
    await this.#run((client, backend) => {
      const key = backend.toKey('hf:presence');
      // Time 0 is long past: it counts as gone, and stays known until its jobs were given back.
      return holdsJobs ? client.runCommand('zadd', [key, 0, workerId]) : client.runCommand('zrem', [key, workerId]);
    });
  }

  async giveBack(id: string, token: string): Promise<boolean> {
    const given = await this.#run((client, backend) => giveBackScript.run(client, backend.toKey(''), [id, token]));
    return given === 1;
  }

  async crashesOf(id: string): Promise<number> {
    const crashes: unknown = await this.#run((client, backend) =>
      client.runCommand('hget', [backend.toKey(id), 'hf:crashes']),
    );
    return Number(crashes ?? 0);
  }

  async beginAlone(id: string, token: string): Promise<void> {
    await this.#run((client, backend) => client.runCommand('hset', [backend.toKey(id), 'hf:run', token]));
  }

  async cancel(id: string, failure: string): Promise<CancelOutcome> {
    const outcome = await this.#run((client, backend) => cancelScript.run(client, backend.toKey(''), [id, failure]));
    return outcome as CancelOutcome;
  }

  async #run<T>(operation: (client: RedisClient, backend: RedisQueueBackend) => Promise<T>): Promise<T> {
    return this.#handle.call(async (queue) => {
      const backend = queue.getBackend();
      return operation(await backend.client, backend);
    });
  }
}

function pairs<T>(list: readonly T[]): [T, T][] {
  return Array.from({ length: Math.floor(list.length / 2) }, (_, at) => list.slice(2 * at, 2 * at + 2) as [T, T]);
}
