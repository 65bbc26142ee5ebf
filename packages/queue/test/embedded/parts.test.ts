import { eventually, Latch } from '@holdfast/testing';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Consumer, Queues } from '../../src/index.ts';
import { createEmbeddedBackend } from '../../src/embedded.ts';
import { lockFolder } from '../../src/embedded/folder-lock.ts';
import { PgPool } from '../../src/embedded/pg-pool.ts';
import { PgliteClient } from '../../src/embedded/pglite-client.ts';
import { defaultMaxCrashes as maxCrashes } from '../../src/port/consumer-tuning.ts';
import { recoverJobs } from '../../src/embedded/recovery.ts';
import { survival } from '../fixtures/survival-queue.ts';

const directory = mkdtempSync(join(tmpdir(), 'holdfast-parts-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe('the pool over one PGlite', () => {
  let pglite: PgliteClient;
  let pool: PgPool;

  beforeAll(async () => {
    pglite = await PgliteClient.open(join(directory, 'pool'));
    pool = new PgPool(pglite);
    await pool.query('CREATE TABLE note (text text)');
  });
  afterAll(async () => pglite.close(1000));

  it('lets nobody into the transaction of another client', async () => {
    const one = await pool.connect();
    const two = await pool.connect();
    await one.query('BEGIN');
    await one.query('INSERT INTO note VALUES ($1)', ['rolled back']);
    const outside = [two.query('INSERT INTO note VALUES ($1)', ['two']), pool.query('SELECT text FROM note')];
    await one.query('INSERT INTO note VALUES ($1)', ['rolled back as well']);
    await one.query('ROLLBACK');
    await Promise.all(outside);
    expect((await pool.query('SELECT text FROM note')).rows).toEqual([{ text: 'two' }]);
    one.release();
    two.release();
  });

  it('goes on when a client is released in the middle of its transaction', async () => {
    const client = await pool.connect();
    await client.query('BEGIN');
    client.release();
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  it('hands over 64-bit integers as text and errors with their SQLSTATE, as pg does', async () => {
    expect((await pool.query('SELECT 9007199254740993::bigint AS big')).rows).toEqual([{ big: '9007199254740993' }]);
    await expect(pool.query('SELECT * FROM nowhere', [])).rejects.toMatchObject({ code: '42P01' });
  });

  it('delivers notifications to every client that listens', async () => {
    const clients = [await pool.connect(), await pool.connect()];
    const heard = clients.map(
      async (client) => new Promise((resolve) => client.once('notification', (message) => resolve(message))),
    );
    for (const client of clients) await client.query('LISTEN news');
    await pool.query(`SELECT pg_notify('news', 'hello')`);
    expect(await Promise.all(heard)).toEqual([
      { channel: 'news', payload: 'hello' },
      { channel: 'news', payload: 'hello' },
    ]);
    for (const client of clients) client.release();
  });

  it('does not starve the timers of this thread', async () => {
    let ticks = 0;
    const timer = setInterval(() => (ticks += 1), 5);
    await pool.query('SELECT count(*) FROM generate_series(1, 2000000)');
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(5);
  });
});

describe('a consumer whose embedded backend was closed first', () => {
  it('neither stops the process nor hangs', async () => {
    const backend = await createEmbeddedBackend({ directory: join(directory, 'wrong-order') });
    const started = new Latch();
    const mayEnd = new Latch();
    const consumer = new Consumer({
      backend,
      definition: survival,
      concurrency: 1,
      handler: async () => {
        started.open();
        await mayEnd.wait();
      },
    });
    const queues = new Queues({ backend, definitions: [survival] });
    await consumer.start();
    await queues.add('survival', { data: { n: 1 } });
    await started.wait();
    await backend.close();
    mayEnd.open();
    let ticks = 0;
    const timer = setInterval(() => (ticks += 1), 5);
    await eventually(() => expect(ticks).toBeGreaterThan(10));
    clearInterval(timer);
    await expect(queues.add('survival', { data: { n: 1 } })).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
    await expect(queues.summary('survival')).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
    await consumer.close({ timeoutMs: 1500 });
  });
});

describe('the lock of a folder', () => {
  it('holds until it is released', () => {
    const folder = join(directory, 'lock');
    const lock = lockFolder(folder);
    expect(() => lockFolder(folder)).toThrow(
      expect.objectContaining({ code: 'EMBEDDED_FOLDER_LOCKED', holderPid: process.pid }),
    );
    lock.release();
    lock.release();
    lockFolder(folder).release();
  });
});

describe('a job that was running at each of several crashes', () => {
  const fragile = { ...survival, name: 'fragile', maxCrashes: 1 };
  const patient = { ...survival, name: 'patient', maxCrashes: maxCrashes + 2 };
  const definitions = [survival, fragile, patient];

  it(`runs again until it began in ${maxCrashes} of them, or as many as its queue says, then fails`, async () => {
    const folder = join(directory, 'crashes');
    const first = await createEmbeddedBackend({ directory: folder });
    const before = new Queues({ backend: first, definitions });
    for (const { name } of definitions) await before.add(name, { data: { n: 1 }, options: { jobId: 'poison' } });
    await before.close();

    const pglite = await PgliteClient.open(join(folder, 'pglite'));
    const pool = new PgPool(pglite);
    await pool.query('SET search_path TO bullmq');
    const die = async (hadBegun: boolean): Promise<unknown> =>
      pool.query(`UPDATE job SET state = 'active', lock_token = 'dead', processed_by = $1`, [hadBegun ? 'dead' : null]);
    // On its last life a job says when it begins; one that waited for its turn beside the culprit is not counted.
    const crashes = [
      ...Array.from({ length: maxCrashes - 1 }, () => ({ hadBegun: false, givenUp: ['fragile'] })),
      { hadBegun: false, givenUp: ['fragile'] },
      { hadBegun: true, givenUp: ['fragile', 'survival'] },
    ];
    for (const { hadBegun, givenUp } of crashes) {
      await die(hadBegun);
      expect(await recoverJobs(pool, definitions)).toBe(3);
      const { rows } = await pool.query('SELECT queue, state, lock_token, deferred_failure FROM job ORDER BY queue');
      for (const row of rows) expect(row).toMatchObject({ state: 'waiting', lock_token: null });
      expect(rows.filter((row) => row['deferred_failure'] !== null).map((row) => row['queue'])).toEqual(givenUp);
    }
    await die(true);
    await pglite.close(1000);

    const backend = await createEmbeddedBackend({ directory: folder, definitions });
    const queues = new Queues({ backend, definitions });
    const consumers = definitions.map(
      (definition) => new Consumer({ backend, definition, handler: async () => expect.unreachable() }),
    );
    for (const consumer of consumers) await consumer.start();
    for (const { name, maxCrashes: limit = maxCrashes } of [survival, fragile, patient]) {
      const job = await queues.get(name, 'poison', { waitMs: 30_000 });
      expect(job).toMatchObject({ state: 'failed', error: { code: 'JOB_CRASHED_WORKER' } });
      const times = Number(
        /died (\d+) times while it ran this job, the maxCrashes/.exec(job?.error?.message ?? '')?.[1],
      );
      expect(times).toBeGreaterThanOrEqual(limit);
    }
    await Promise.all(consumers.map(async (consumer) => consumer.close({ timeoutMs: 2000 })));
    await queues.close();
  });
});
