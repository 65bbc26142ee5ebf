import type { RedisClient } from './connection-watch.ts';
import { RedisScript } from './script.ts';
import { StoredFields, withDamage } from '../job/stored-fields.ts';
import type { DeadLetterPage } from '../job/dead-letter.ts';
import { maxPageBytes, toPage, type StoredDeadLetter } from '../port/dead-letter-view.ts';
import type { ListCursor } from '../port/dead-letter-cursor.ts';
import type { CleanAnswer, DeadLetterStore, RedriveAnswer } from '../port/dead-letter-store.ts';

const listScript = new RedisScript('dead-letters');
const redriveScript = new RedisScript('redrive', 'reprocessJob');
const removeScript = new RedisScript('remove-dead-letters', 'removeJob');

export interface RedisQueueAccess {
  /** Of the queue's keys, with its colon. */
  readonly prefix: string;
  /** Runs on a connection that is ready, within the command timeout, with errors translated. */
  readonly run: <T>(operation: (client: RedisClient) => Promise<T>) => Promise<T>;
}

type Fields = [id: string, failedAt: string, ...rest: (string | null)[]];

/** One script a call. */
export class RedisDeadLetterStore implements DeadLetterStore {
  readonly #access: RedisQueueAccess;

  constructor(access: RedisQueueAccess) {
    this.#access = access;
  }

  async list(queue: string, limit: number, after: ListCursor | undefined): Promise<DeadLetterPage> {
    const behind = after === undefined ? [] : [after.failedAt, after.id];
    const reply = (await this.#run(listScript, [limit, maxPageBytes, ...behind])) as (Fields | string)[];
    const jobs = reply.filter((entry) => typeof entry !== 'string').map((fields) => toStored(fields));
    return toPage(queue, jobs, reply.at(-1) === 'more');
  }

  async redrive(ids: readonly string[]): Promise<RedriveAnswer> {
    return this.#redrive([0, '', ...ids]);
  }

  async redriveOldest(limit: number, before: number): Promise<RedriveAnswer> {
    return this.#redrive([before, limit]);
  }

  async clean(ids: readonly string[], before: number): Promise<CleanAnswer> {
    return this.#remove([before, '', ...ids]);
  }

  async cleanOldest(limit: number, before: number): Promise<CleanAnswer> {
    return this.#remove([before, limit]);
  }

  async #redrive(args: readonly (string | number)[]): Promise<RedriveAnswer> {
    const [redriven, remaining, ...rest] = (await this.#run(redriveScript, args)) as [number, number, ...string[]];
    const failed = [];
    for (let at = 0; at < rest.length; at += 2) {
      failed.push({ id: rest[at] ?? '', reason: rest[at + 1] === 'absent' ? ('absent' as const) : ('state' as const) });
    }
    return { redriven, failed, remaining };
  }

  async #remove(args: readonly (string | number)[]): Promise<CleanAnswer> {
    const [removed, remaining] = (await this.#run(removeScript, args)) as [number, number];
    return { removed, remaining };
  }

  async #run(script: RedisScript, args: readonly (string | number)[]): Promise<unknown> {
    return this.#access.run((client) => script.run(client, this.#access.prefix, args));
  }
}

function toStored([
  id,
  failedAt,
  name,
  data,
  failedReason,
  stacktrace,
  attemptsMade,
  timestamp,
]: Fields): StoredDeadLetter {
  const fields = new StoredFields({ failedAt, name, data, stacktrace, attemptsMade, timestamp });
  return withDamage(
    {
      id,
      failedAt: fields.time('failedAt') ?? 0,
      place: Number(failedAt),
      name: fields.text('name'),
      data: fields.json('data', {}),
      reason: failedReason ?? '',
      stacks: fields.has('stacktrace') ? fields.json('stacktrace', []) : [],
      attemptsMade: fields.has('attemptsMade') ? fields.count('attemptsMade') : 0,
      createdAt: fields.time('timestamp', 'createdAt') ?? 0,
    },
    fields,
  );
}
