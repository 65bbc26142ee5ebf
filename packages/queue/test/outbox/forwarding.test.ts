import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { eventually, uniquePrefix, useRedis } from '@holdfast/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { QueueBackend, QueueHandle } from '../../src/port/backend.ts';
import type { AddedJob, NewJob, Once } from '../../src/job/new-job.ts';
import { createRedisBackend, QueueOutcomeUnknownError, QueueUnavailableError } from '../../src/index.ts';
import { Lane } from '../../src/outbox/lane.ts';
import type { OutboxFile } from '../../src/outbox/outbox-file.ts';
import { Producer } from '../../src/producing/producer.ts';
import { definition, openFileHere, temporaryFolder, type FileHere } from './fixture.ts';

/** What goes wrong with a batch. */
const steps = [
  'nothing',
  'killed before it is sent',
  'killed before its answer is read',
  'killed when half of it was sent',
  'answer lost',
  'arrives late',
  'store away',
  'consumed',
] as const;
type Step = (typeof steps)[number];

/** How the entries came into the file. */
const histories = ['never sent', 'sent one by one', 'sent by one command', 'sent by one command that is late'] as const;

interface LateCommand {
  readonly jobs: readonly NewJob[];
  readonly marker?: Once;
}

/** A process that forwards the entries of a file, and may die at any step. Its Redis is a real one. */
class Forwarder {
  readonly #opened: FileHere;
  readonly file: OutboxFile;
  readonly lane: Lane;
  readonly #handle: QueueHandle;
  readonly #script: Step[];
  /** Adds that are on their way although nobody waits for them any more. */
  readonly #late: LateCommand[];
  readonly #onAdded: (ids: readonly string[]) => void;
  #isDead = false;

  constructor(
    path: string,
    handle: QueueHandle,
    script: Step[],
    late: LateCommand[],
    onAdded: (ids: readonly string[]) => void,
  ) {
    this.#handle = handle;
    this.#script = script;
    this.#late = late;
    this.#onAdded = onAdded;
    this.#opened = openFileHere(path);
    this.file = this.#opened.file;
    const producer = new Producer(definition, handle);
    this.lane = new Lane({
      queue: 'parcels',
      file: this.file,
      onLeft: () => undefined,
      target: {
        prepare: (job) => producer.prepare(job),
        handle: { addMany: async (jobs) => this.#addMany(jobs), call: async (operation) => handle.call(operation) },
        forget: (tokens) => void handle.forget(tokens).catch(() => undefined),
      },
    });
  }

  /** Until everything was forwarded, or death. */
  async run(): Promise<'done' | 'dead'> {
    while (!this.#isDead && this.file.totals.waiting > 0) {
      this.lane.kick();
      await turn();
    }
    if (this.#isDead) return 'dead';
    this.#die();
    await consume(this.#handle);
    await this.#arrive();
    return 'done';
  }

  async #addMany(jobs: readonly NewJob[]): Promise<(AddedJob | Error)[]> {
    const step = this.#script.shift() ?? 'nothing';
    const dead = new Promise<never>(() => undefined);
    const unknown = (): Error[] => jobs.map(({ id }) => new QueueOutcomeUnknownError('lost', { jobId: id }));
    switch (step) {
      case 'killed before it is sent':
        this.#die();
        return dead;
      case 'killed when half of it was sent':
        await this.#send(jobs.slice(0, Math.ceil(jobs.length / 2)));
        this.#die();
        return dead;
      case 'killed before its answer is read':
        await this.#send(jobs);
        this.#die();
        return dead;
      case 'answer lost':
        await this.#send(jobs);
        return unknown();
      case 'arrives late':
        this.#late.push({ jobs });
        return unknown();
      case 'store away':
        return jobs.map(() => new QueueUnavailableError('away'));
      case 'consumed': {
        const replies = await this.#send(jobs);
        await consume(this.#handle);
        await this.#arrive();
        return replies;
      }
      case 'nothing':
        return this.#send(jobs);
    }
  }

  async #send(jobs: readonly NewJob[], marker?: Once): Promise<(AddedJob | Error)[]> {
    const replies = await this.#handle.addMany(jobs, marker);
    this.#onAdded(replies.flatMap((reply) => (reply instanceof Error || reply.existed ? [] : [reply.id])));
    return replies;
  }

  async #arrive(): Promise<void> {
    for (const { jobs, marker } of this.#late.splice(0)) await this.#send(jobs, marker);
  }

  #die(): void {
    this.#isDead = true;
    this.lane.close();
    this.#opened.close();
  }
}

/** All jobs run, and nothing is kept of them. */
async function consume(handle: QueueHandle): Promise<void> {
  await handle.call(async (queue) => queue.obliterate({ force: true }));
}

describe('forwarding', () => {
  const { host, port, db } = useRedis();
  let backend: QueueBackend;
  let handle: QueueHandle;
  let producer: Producer;
  const folder = temporaryFolder();
  let round = 0;

  beforeAll(async () => {
    const target = { kind: 'standalone', host, port, db: db ?? 0 } as const;
    backend = createRedisBackend({ target, keyPrefix: uniquePrefix('jobs') });
    handle = backend.open('parcels');
    producer = new Producer(definition, handle);
    await handle.read();
  });
  afterAll(async () => {
    await backend.close();
    folder.remove();
  });

  it('does not write to the disk for a store that is known to be away', async () => {
    const { file, close } = openFileHere(join(folder.path, 'away'));
    const body = JSON.stringify({ data: { n: 1 }, options: { jobId: 'patient' } });
    await file.insert([{ queue: 'parcels', id: 'patient', token: 'call-patient', body, acceptedAt: Date.now() }], 0);
    const noted: (readonly number[])[] = [];
    const markSent = file.markSent.bind(file);
    file.markSent = async (seqs, now) => {
      noted.push(seqs);
      return markSent(seqs, now);
    };
    let asked = 0;
    let isAway = true;
    const lane = new Lane({
      queue: 'parcels',
      file,
      onLeft: () => undefined,
      target: {
        prepare: (job) => producer.prepare(job),
        handle: {
          addMany: async (jobs) => handle.addMany(jobs),
          call: async (operation) => {
            asked += 1;
            if (isAway) throw new QueueUnavailableError('away');
            return handle.call(operation);
          },
        },
        forget: () => undefined,
      },
    });
    lane.kick();
    await eventually(() => expect(asked).toBeGreaterThan(1));
    expect(lane.lastError).toMatchObject({ code: 'QUEUE_UNAVAILABLE', message: 'away' });
    expect(noted).toEqual([]);
    isAway = false;
    lane.kick();
    await eventually(() => expect(file.totals.waiting).toBe(0));
    expect(noted).toHaveLength(1);
    lane.close();
    close();
    await consume(handle);
  });

  const numRuns = Number(process.env['OUTBOX_RUNS'] ?? 60);
  const title = 'makes one job of each entry, whatever dies between its steps, also of jobs that ran and are gone';
  it(title, { timeout: 30_000 + numRuns * 500 }, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...steps), { maxLength: 8 }),
        fc.integer({ min: 1, max: 160 }),
        fc.constantFrom(...histories),
        async (script, count, history) => {
          const path = join(folder.path, String((round += 1)));
          const names = Array.from({ length: count }, (_, n) => `${round}-${n}`);
          const added: string[] = [];
          const late: LateCommand[] = [];
          const left = [...script];
          const marker = { token: `command-${round}`, ttlMs: 60_000 };
          const isShared = history.startsWith('sent by one command');
          if (isShared) {
            const jobs = names.map((id, n) => ({ ...producer.prepare({ data: { n }, options: { jobId: id } }), id }));
            if (history === 'sent by one command') {
              const replies = await handle.addMany(jobs, marker);
              added.push(...replies.map((reply) => (reply instanceof Error ? reply.message : reply.id)));
              await consume(handle);
            } else late.push({ jobs, marker });
          }
          const first = openFileHere(path);
          await first.file.insert(
            names.map((id, n) => {
              const job = { data: { n }, options: { jobId: id } };
              const sent = history === 'never sent' ? {} : { sentAt: Date.now() };
              const marked = isShared ? { token: marker.token, place: n + 1 } : { token: `t-${id}` };
              return { queue: 'parcels', id, ...marked, body: JSON.stringify(job), acceptedAt: Date.now(), ...sent };
            }),
            0,
          );
          first.close();
          for (;;) {
            const forwarder = new Forwarder(path, handle, left, late, (ids) => added.push(...ids));
            if ((await forwarder.run()) === 'done') break;
            await consume(handle);
          }
          await consume(handle);
          expect(added.toSorted()).toEqual(names.toSorted());
        },
      ),
      { numRuns },
    );
  });
});
