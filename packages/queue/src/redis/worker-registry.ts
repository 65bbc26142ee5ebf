import { rateLogLua } from '@holdfast/redis-core';
import type { RedisQueueBackend } from 'bullmq';
import type { RateLimit } from '../job/define-queue.ts';
import { lockDurationMs } from '../port/consumer-tuning.ts';
import type { CancelOutcome, ClaimOutcome, WorkerRegistry } from '../port/worker-registry.ts';
import type { RedisQueueHandle } from './queue-handle.ts';
import { RedisScript } from './script.ts';
import type { RedisClient } from './connection-watch.ts';

// Jobs are given back with BullMQ's own script.
const giveBackScript = new RedisScript('give-back', 'moveJobFromActiveToWait');
const countStartScript = new RedisScript('count-start', [], ['server-time'], { before: rateLogLua });
// A job that waits fails with BullMQ's own script.
const cancelScript = new RedisScript('cancel-job', ['moveToFinished'], ['server-time', 'fail-job'], {
  makesRoom: true,
});
const claimScript = new RedisScript('claim-run', [], ['own-again']);

/**
 * The registry of one queue in Redis, on the connection of its producer: that one fails fast and keeps nothing for
 * later.
 */
export class RedisWorkerRegistry implements WorkerRegistry {
  readonly #handle: RedisQueueHandle;

  constructor(handle: RedisQueueHandle) {
    this.#handle = handle;
  }

  async giveBack(id: string, token: string): Promise<boolean> {
    const given = await this.#handle.runInTime(giveBackScript, [id, token]);
    return given === 1;
  }

  async claim(id: string, token: string, crashLimit: number): Promise<ClaimOutcome> {
    const outcome = await this.#handle.runInTime(claimScript, [id, token, lockDurationMs, crashLimit]);
    return outcome as ClaimOutcome;
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

  async countStart({ max, durationMs }: RateLimit, since: number): Promise<number> {
    const wait = await this.#run((client, backend) =>
      countStartScript.run(client, backend.toKey(''), [max, durationMs, since]),
    );
    return Number(wait);
  }

  async cancel(id: string, failure: string): Promise<CancelOutcome> {
    const outcome = await this.#handle.runInTime(cancelScript, [id, failure]);
    return outcome as CancelOutcome;
  }

  async #run<T>(operation: (client: RedisClient, backend: RedisQueueBackend) => Promise<T>): Promise<T> {
    return this.#handle.call(async (queue) => {
      const backend = queue.getBackend();
      return operation(await backend.client, backend);
    });
  }
}
