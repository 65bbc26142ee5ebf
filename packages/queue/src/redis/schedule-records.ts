import type { RedisQueueAccess } from './queue-access.ts';
import { scheduleRecordsKey } from './queue-keys.ts';
import {
  isScheduleRecord,
  type DeclaredText,
  type ScheduleRecord,
  type ScheduleRecords,
} from '../port/schedule-records.ts';
import { RedisScript } from './script.ts';

const declaring = new RedisScript('schedule-declaration', [], ['server-time']);

/** The few commands that BullMQ's connections do not declare. */
interface HashCommands {
  hget(key: string, field: string): Promise<string | null>;
  hset(key: string, field: string, value: string): Promise<unknown>;
  hdel(key: string, field: string): Promise<unknown>;
  hgetall(key: string): Promise<Record<string, string>>;
}

/** In one hash beside BullMQ's keys. */
export class RedisScheduleRecords implements ScheduleRecords {
  readonly #access: RedisQueueAccess;
  readonly #key: string;

  constructor(access: RedisQueueAccess) {
    this.#access = access;
    this.#key = scheduleRecordsKey((part) => access.prefix + part);
  }

  async all(): Promise<ReadonlyMap<string, ScheduleRecord>> {
    const records = await this.#run((client) => client.hgetall(this.#key));
    return new Map(
      Object.entries(records).flatMap(([id, text]): [string, ScheduleRecord][] => {
        const record = parse(text);
        return record === undefined ? [] : [[id, record]];
      }),
    );
  }

  async get(id: string): Promise<ScheduleRecord | undefined> {
    const record = await this.#run((client) => client.hget(this.#key, id));
    return record === null ? undefined : parse(record);
  }

  async set(id: string, record: ScheduleRecord): Promise<void> {
    await this.#change((client) => client.hset(this.#key, id, JSON.stringify(record)));
  }

  async delete(id: string): Promise<void> {
    await this.#change((client) => client.hdel(this.#key, id));
  }

  async #change<T>(operation: (client: HashCommands) => Promise<T>): Promise<T> {
    return this.#access.change((client) => operation(client as unknown as HashCommands));
  }

  async declared(id: string): Promise<DeclaredText> {
    const [now, text, aliveUntil] = await this.#script(['read', id]);
    return { now: Number(now), text: String(text), aliveUntil: Number(aliveUntil) };
  }

  async declare(id: string, before: string, after: string, aliveForMs: number): Promise<boolean> {
    const [, isDone] = await this.#script(['declare', id, before, after, aliveForMs]);
    return isDone === 1;
  }

  async keepDeclared(fingerprints: ReadonlyMap<string, string>, aliveForMs: number): Promise<void> {
    if (fingerprints.size > 0) await this.#script(['keep', aliveForMs, ...[...fingerprints].flat()]);
  }

  async #script(args: readonly (string | number)[]): Promise<readonly unknown[]> {
    return (await this.#access.run((client) => declaring.run(client, this.#access.prefix, args))) as unknown[];
  }

  async #run<T>(operation: (client: HashCommands) => Promise<T>): Promise<T> {
    return this.#access.run((client) => operation(client as unknown as HashCommands));
  }
}

/** What is no record of ours counts as none: nothing was said of that schedule, and the others are as they are. */
function parse(text: string): ScheduleRecord | undefined {
  try {
    const record = JSON.parse(text) as unknown;
    return isScheduleRecord(record) ? record : undefined;
  } catch {
    return undefined;
  }
}
