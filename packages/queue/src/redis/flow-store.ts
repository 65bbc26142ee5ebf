import { recordAdd, type ScriptArgument } from './bullmq-inside.ts';
import { isServerError } from './errors.ts';
import { RedisScript } from './script.ts';
import type { RedisClient } from './connection-watch.ts';
import type { RedisQueueAccess } from './queue-access.ts';
import { withDeadline } from '../port/deadline.ts';
import { QueueOutcomeUnknownError, QueueUnavailableError } from '../job/errors.ts';
import {
  type PlannedJob,
  toStoredFlowJob,
  type FlowOutcome,
  type FlowStore,
  type StoredFlowJob,
} from '../port/flow-store.ts';

const scriptNames = ['addParentJob', 'addPrioritizedJob', 'addDelayedJob'] as const;
const script = new RedisScript('add-flow', scriptNames, ['server-time']);

export class RedisFlowStore implements FlowStore {
  readonly #access: RedisQueueAccess;
  readonly #commandTimeoutMs: number;

  constructor(access: RedisQueueAccess, commandTimeoutMs: number) {
    this.#access = access;
    this.#commandTimeoutMs = commandTimeoutMs;
  }

  async add(jobs: readonly PlannedJob[]): Promise<FlowOutcome> {
    const planned = jobs.map((job) => toStoredFlowJob(job));
    return this.#access.run(async (client) => {
      const startedAt = Date.now();
      const now = await timeOf(client);
      const latest = now + Math.max(0, this.#commandTimeoutMs - (Date.now() - startedAt));
      // Delays count from there, whatever the clock of this process shows.
      const stored = planned.map((job) => ({ ...job, json: { ...job.json, timestamp: now } }));
      const values = stored.flatMap((job) => callOf(job));
      const reply = await this.#send(client, [latest, ...values], latest - now, jobs[0]?.job.id ?? '');
      const [outcome, key] = reply as [FlowOutcome['outcome'] | 'late', string];
      if (outcome === 'late') throw new QueueUnavailableError('Redis got to the flow too late; nothing was added.');
      return outcome === 'conflict' ? { outcome, job: key } : { outcome };
    });
  }

  async #send(
    client: RedisClient,
    args: readonly ScriptArgument[],
    timeoutMs: number,
    rootId: string,
  ): Promise<unknown> {
    try {
      const sent = script.run(client, this.#access.prefix, args);
      // Before the deadline of the whole call, which knows less.
      return await withDeadline(sent, Math.max(1, timeoutMs - 20), () => new Error('Redis did not answer in time.'));
    } catch (error) {
      if (isServerError(error)) throw error;
      throw new QueueOutcomeUnknownError(
        `The connection was lost before Redis had answered: the flow ${rootId} may or may not have been added. Adding it again with the same ids is safe.`,
        { cause: error, jobId: rootId },
      );
    }
  }
}

/** What the script is told of one job: which script of BullMQ's, with which keys and arguments. */
function callOf({ planned: { job, queue }, json, links }: StoredFlowJob): ScriptArgument[] {
  const { script: name, keys, args } = recordAdd(queue.getBackend(), json, job.id, links);
  if (!scriptNames.some((known) => known === name)) throw new Error(`BullMQ adds the job ${job.id} by ${name}.`);
  return [queue.toKey(job.id), name, keys.length, args.length, ...keys, ...args];
}

async function timeOf(client: RedisClient): Promise<number> {
  const [seconds, microseconds] = await (client as unknown as { time(): Promise<[string, string]> }).time();
  return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
}
