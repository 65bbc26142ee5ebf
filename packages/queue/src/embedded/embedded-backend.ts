import { createPostgresBackend, Queue, type BackendFactory, type Processor } from 'bullmq';
import { findPeer } from '@holdfast/redis-core';
import { join, resolve } from 'node:path';
import { publishEvent } from '../job/channels.ts';
import { FetchingWorker } from '../consuming/fetching-worker.ts';
import { checkBullmq, workerInside } from '../redis/bullmq-inside.ts';
import type { FetchControl, WorkerTuning } from '../port/job-worker.ts';
import { EmbeddedFolderLockedError, EmbeddedFolderUnusableError } from '../job/errors.ts';
import { type FolderLock, lockFolder } from './folder-lock.ts';
import { EmbeddedBeats } from './beats.ts';
import { onceEach } from '../port/once-each.ts';
import { prepareDatabase, sessionSql } from './database.ts';
import { Housekeeping } from './housekeeping.ts';
import { PgPool } from './pg-pool.ts';
import { limitFetches } from './rate-limit.ts';
import { PgliteClient } from './pglite-client.ts';
import { Availability } from '../port/availability.ts';
import type { BackendStatus, QueueBackend } from '../port/backend.ts';
import { EmbeddedEventReader } from './event-reader.ts';
import { EmbeddedQueueHandle } from './queue-handle.ts';
import { EmbeddedWorkerRegistry } from './worker-registry.ts';
import { checkEmbeddedBackendOptions, type EmbeddedBackendOptions } from './backend-options.ts';
import { nextRun } from '../job/next-run.ts';
import { scheduleByFetchTime, scheduleByStoreClock } from '../redis/clocked-scheduler.ts';

const closeTimeoutMs = 3000;
/** The deadline of each call. */
const commandTimeoutMs = 10_000;

/**
 * BullMQ on its own PostgreSQL backend, on PGlite, in this process and on disk. For one process without Redis: jobs and
 * results survive the death of the process at any moment, but not a power cut (PGlite does not fsync).
 *
 * @throws OptionInvalidError naming the option that is not allowed.
 * @throws UnsupportedError where PGlite is not installed.
 * @throws EmbeddedFolderLockedError when another process uses the folder.
 * @throws EmbeddedFolderUnusableError when the folder, or the database in it, cannot be opened.
 */
export async function createEmbeddedBackend(options: EmbeddedBackendOptions): Promise<QueueBackend> {
  checkEmbeddedBackendOptions(options);
  checkBullmq();
  // Looked for here, where the caller can be told; what loads it is the thread.
  findPeer({ name: '@electric-sql/pglite', neededBy: 'The embedded queue' }, import.meta.url);
  const directory = resolve(options.directory);
  const lock = takeFolder(directory);
  let pglite: PgliteClient;
  try {
    pglite = await PgliteClient.open(join(directory, 'pglite'), { session: sessionSql });
  } catch (error) {
    lock.release();
    throw new EmbeddedFolderUnusableError(directory, error);
  }
  const pool = new PgPool(pglite);
  try {
    await prepareDatabase(pool, options.definitions);
  } catch (error) {
    await pglite.close(closeTimeoutMs);
    lock.release();
    throw error;
  }

  const housekeeping = new Housekeeping({
    pool,
    onError: (error) => {
      // What is away was told once.
      if (status.available) publishEvent('holdfast:queue:error', () => ({ queue: '*', part: 'database', error }));
    },
  });
  housekeeping.start();
  let status: BackendStatus = { available: true };
  const availability = new Availability(() => status);
  availability.connected();
  pglite.on('down', (error) => {
    status = { available: false, reason: `the database thread died and is started again: ${error.message}` };
    availability.lost();
  });
  pglite.on('stuck', (reason) => {
    status = { available: false, reason };
    availability.lost();
  });
  for (const event of ['up', 'answers'] as const) {
    pglite.on(event, () => {
      status = { available: true };
      availability.connected();
    });
  }
  const connection = pool as unknown as Parameters<typeof createPostgresBackend>[1]['connection'];
  const handles = new Map<string, EmbeddedQueueHandle>();
  const workers = new Map<string, Set<object>>();
  const registry = onceEach((name) => new EmbeddedWorkerRegistry(open(name), pool));

  const open = (name: string): EmbeddedQueueHandle => {
    const existing = handles.get(name);
    if (existing !== undefined) return existing;
    const queue = new Queue(
      name,
      { connection, skipMetasUpdate: true, settings: { repeatStrategy: nextRun } },
      createPostgresBackend,
    );
    queue.on('error', (error: Error) => {
      publishEvent('holdfast:queue:error', () => ({ queue: name, part: 'producer', error }));
    });
    // One session serves everybody, so the database cannot tell workers apart; but they are all in this process. Each is a
    // line, as BullMQ (and with it a board) reads them.
    const workersOf = (): number => workers.get(name)?.size ?? 0;
    queue.getBackend().getClientList = async () => [
      Array.from({ length: workersOf() }, () => `addr=this-process name=${name}`).join('\n'),
    ];
    const handle = new EmbeddedQueueHandle({
      name,
      queue: queue as unknown as Queue<unknown, unknown>,
      pool,
      commandTimeoutMs,
      workers: workersOf,
    });
    scheduleByStoreClock(handle.queue, async () => handle.now());
    handles.set(name, handle);
    return handle;
  };

  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    availability.close();
    housekeeping.close();
    await Promise.all([...handles.values()].map((handle) => handle.close()));
    await pool.end();
    await pglite.close(closeTimeoutMs);
    lock.release();
  };

  return {
    kind: 'embedded',
    hasFlowsAcrossQueues: true,
    prove: async (deadlineMs) => pglite.prove(deadlineMs),
    get status() {
      return status;
    },
    prefixOf: (queue) => `bullmq.${queue}`,
    open,
    registry,
    sharesBeats: true,
    openBeats: () => new EmbeddedBeats(registry),
    createWorker: (name: string, processor: Processor, tuning: WorkerTuning, control: FetchControl) => {
      // What a dead process left was given back when the folder was opened, and no other process has it: what looks as if its worker had
      // fallen silent belongs to this one, whose loop was kept by a handler.
      const workerOptions = { ...tuning, skipStalledCheck: true, connection: connection as never };
      const create = createPostgresBackend as unknown as BackendFactory;
      const { rateLimit } = control;
      const factory: BackendFactory =
        rateLimit === undefined ? create : (...args) => limitFetches(create(...args), rateLimit);
      const worker = new FetchingWorker(
        name,
        processor,
        workerOptions,
        control,
        { ...workerInside, flush: () => undefined },
        factory,
      );
      scheduleByFetchTime(worker);
      const running = workers.get(name) ?? new Set();
      running.add(worker);
      workers.set(name, running);
      const forgetCancels = registry(name).onCancel(control.onCancelled);
      worker.on('closed', () => {
        running.delete(worker);
        forgetCancels();
      });
      return worker;
    },
    openEvents: (name: string) => new EmbeddedEventReader(name, pool, open(name).jobs),
    onReturn: (listener) => availability.onReturn(listener),
    onLoss: () => () => undefined,
    close: async () => {
      closing ??= close();
      await closing;
    },
  };
}

function takeFolder(directory: string): FolderLock {
  try {
    return lockFolder(directory);
  } catch (error) {
    throw error instanceof EmbeddedFolderLockedError ? error : new EmbeddedFolderUnusableError(directory, error);
  }
}
