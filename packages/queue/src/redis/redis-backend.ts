import { addressOf, FailoverWatch } from '@holdfast/redis-core';
import { createRedisBackend as createBullmqBackend, Queue, type Processor } from 'bullmq';
import { publishEvent } from '../job/channels.ts';
import { checkBullmq, setMaximumBlock, workerInside } from './bullmq-inside.ts';
import { FetchingWorker } from '../consuming/fetching-worker.ts';
import type { FetchControl, JobWorker, WorkerTuning } from '../port/job-worker.ts';
import { consumerProfiles } from '../port/consumer-tuning.ts';
import { Availability } from '../port/availability.ts';
import { CancelListener } from './cancel-listener.ts';
import { publishCommands, publishCommandsOf } from './command-events.ts';
import { limitFetches } from './limited-fetch.ts';
import type { BackendStatus, QueueBackend } from '../port/backend.ts';
import { consumerClient, producerClient, queueTarget, readerClient, type ConnectionTimes } from './connection.ts';
import { readerBlockMs, RedisEventReader } from './event-reader.ts';
import { QueueKeyspace } from './queue-keyspace.ts';
import { QueueRefusals } from './refusals.ts';
import { RedisQueueHandle } from './queue-handle.ts';
import { EpochWatch } from './epoch-watch.ts';
import { scheduleByFetchTime, scheduleByStoreClock } from './clocked-scheduler.ts';
import { useServerClock } from './server-clock.ts';
import { readLogsPlainly } from './logs.ts';
import { RedisWorkerRegistry } from './worker-registry.ts';
import { openRedisBeats } from './beats.ts';
import { onceEach } from '../port/once-each.ts';
import { bearRefusals, learnVersionSilently, RedisVersions } from './version.ts';
import { SharedConnection } from './shared-connection.ts';
import { WorkerConnections } from './worker-connections.ts';
import { ConnectionWatch } from './connection-watch.ts';
import { checkRedisBackendOptions, type RedisBackendOptions } from './backend-options.ts';
import { nextRun } from '../job/next-run.ts';

/** So that what is declared is back within 40 seconds after a loss, whatever that takes. */
const defaultLossCheckIntervalMs = 15_000;

/**
 * BullMQ on Redis. The keys of a queue are `<keyPrefix>:{<queue>}:<queue>:<what>`: one hash tag a queue, so that each
 * queue lives in one slot of a cluster. With `prefix` they are `<prefix>:<queue>:<what>`, as BullMQ alone has them.
 *
 * All queues share a connection, and all workers another one; each worker has one more, on which it blocks.
 *
 * @throws OptionInvalidError naming the option that is not allowed.
 * @throws UnsupportedError for a target that is not reached over TCP, and for a BullMQ of another version that lacks what is used of it. Never waits and never fails for a Redis that is
 *   away.
 */
export function createRedisBackend(options: RedisBackendOptions): QueueBackend {
  checkRedisBackendOptions(options);
  checkBullmq();
  const target = queueTarget(options.target);
  const times: ConnectionTimes = {
    connectionTimeoutMs: options.connectionTimeoutMs ?? 10_000,
    commandTimeoutMs: options.commandTimeoutMs ?? 5_000,
  };
  const keyspace = keyspaceOf(options);
  const prefixOf = (queue: string): string => keyspace.prefixOf(queue);
  const homeOf = (queue: string): string => (target.kind === 'cluster' ? keyspace.baseOf(queue) : keyspace.home);
  const queueOf = (args: readonly unknown[]): string | undefined => keyspace.queueOf(args);
  const handles = new Map<string, RedisQueueHandle>();
  /** Connections that wait for news, of workers and of readers of events. */
  const waiting = new Set<ConnectionWatch>();
  /** Of all queues; made with the first of them. */
  let producer: SharedConnection | undefined;
  const workers = new WorkerConnections((blockSeconds) => {
    const { client, flush } = consumerClient(target, times, blockSeconds);
    const shared = new SharedConnection(client, target, availability);
    publishCommandsOf(shared.client, 'consumer', queueOf);
    return { shared, cancels: new CancelListener(shared.client), versions: new RedisVersions(shared.client), flush };
  });
  const shared = (): SharedConnection[] => [...(producer === undefined ? [] : [producer]), ...workers.all];
  const readStatus = (): BackendStatus => {
    const states = shared().map(({ watch }) => watch.status);
    const away = states.filter((state) => !state.available);
    // One that has not tried yet knows no reason. Where no queue is open, none is missing.
    const refusing = [...handles.values()].map((handle) => handle.status).find(({ refuses }) => refuses !== undefined);
    return away.find(({ fault }) => fault !== undefined) ?? away[0] ?? refusing ?? { available: true };
  };
  const availability = new Availability(readStatus, addressOf(target));
  const failovers =
    target.kind === 'sentinel'
      ? new FailoverWatch(target, 'queue', (master) => {
          for (const connection of [...shared(), ...waiting]) connection.switchTo(master);
        })
      : undefined;

  /** A connection that only reads, or waits, would stay with a server that was demoted and kept its connections. */
  const leaveReplica = (): void => {
    for (const connection of workers.all) connection.watch.leave();
    for (const watch of waiting) watch.leave();
  };
  /** All queues of one server share its fate; in a cluster each has a slot of its own. */
  let refusals: QueueRefusals | undefined;
  const refusalsOf = (watch: ConnectionWatch, key: string): QueueRefusals => {
    const known = target.kind === 'cluster' ? undefined : refusals;
    return (refusals = known ?? new QueueRefusals(watch, target, key, leaveReplica));
  };

  /** A server is emptied as a whole; in a cluster one of them, with the queues whose slots it has. */
  const epochs = new EpochWatch(() => {
    const open = [...handles.values()];
    const asked = target.kind === 'cluster' ? open : open.slice(0, 1);
    return asked.map((handle) => {
      const home = homeOf(handle.name);
      return { name: home, ask: async (...args) => handle.epoch(home, ...args) };
    });
  }, options.lossCheckIntervalMs ?? defaultLossCheckIntervalMs);

  const openProducer = (): SharedConnection => {
    const opened = new SharedConnection(producerClient(target, times), target, availability);
    publishCommandsOf(opened.client, 'producer', queueOf);
    return opened;
  };

  const open = (name: string): RedisQueueHandle => {
    const existing = handles.get(name);
    if (existing !== undefined) return existing;
    producer ??= openProducer();
    const queue = new Queue<unknown, unknown>(name, {
      connection: producer.client,
      prefix: prefixOf(name),
      // Both are needed for a queue that fails fast: without them BullMQ keeps calls until Redis is there.
      skipWaitingForReady: true,
      skipVersionCheck: true,
      // It would be a write at each start, and one that is lost while Redis is away; BullMQ does without.
      skipMetasUpdate: true,
      settings: { repeatStrategy: nextRun },
    });
    queue.on('error', (error) => {
      publishEvent('holdfast:queue:error', () => ({ queue: name, part: 'producer', error }));
    });
    readLogsPlainly(useServerClock(queue.getBackend()));
    const { watch } = producer;
    const refused = refusalsOf(watch, queue.getBackend().toKey('meta'));
    const handle = new RedisQueueHandle(name, queue, times.commandTimeoutMs, watch, refused, homeOf(name));
    scheduleByStoreClock(queue, async () => handle.now());
    handles.set(name, handle);
    return handle;
  };

  const createWorker = (name: string, processor: Processor, tuning: WorkerTuning, control: FetchControl): JobWorker => {
    const blockSeconds = tuning.drainDelay ?? consumerProfiles.default.blockSeconds;
    const { connection, release } = workers.take(blockSeconds);
    // The heartbeats renew the locks.
    const options = { ...tuning, skipLockRenewal: true, connection: connection.shared.client, prefix: prefixOf(name) };
    const worker: JobWorker = new FetchingWorker(
      name,
      processor,
      options,
      control,
      { ...workerInside, flush: connection.flush },
      (...args) => {
        const own = learnVersionSilently(bearRefusals(createBullmqBackend(...args)), connection.versions);
        setMaximumBlock(useServerClock(own), blockSeconds);
        return control.rateLimit === undefined ? own : limitFetches(own, control.rateLimit);
      },
    );
    scheduleByFetchTime(worker);
    const backend = worker.getBackend();
    const { blockingClient } = backend;
    const blocking = blockingClient === undefined ? undefined : new ConnectionWatch(blockingClient, target);
    if (blocking !== undefined) waiting.add(blocking);
    publishCommands(blockingClient, 'consumer', () => name);
    worker.on('error', (error) => open(name).noteRefusal(error));
    const deafen = connection.cancels.listen(backend.toKey('hf:cancel'), name, control);
    // From here on its connection ends because it is to.
    worker.on('closing', () => {
      if (blocking !== undefined) waiting.delete(blocking);
    });
    const end = lazily(async () => {
      deafen();
      await release();
    });
    // It is closed by itself, or by its worker, and then again.
    const closeBackend = backend.close.bind(backend);
    backend.close = async (force) => {
      try {
        await closeBackend(force);
      } finally {
        await end();
      }
    };
    return worker;
  };

  return {
    kind: 'redis',
    // Either all queues are in one slot, or there is but one server.
    hasFlowsAcrossQueues: target.kind !== 'cluster' || options.prefix !== undefined,
    get status(): BackendStatus {
      const { emptiedAt } = epochs;
      return emptiedAt === undefined ? readStatus() : { ...readStatus(), emptiedAt };
    },
    prefixOf,
    open,
    createWorker,
    sharesBeats: target.kind !== 'cluster',
    openBeats: (queue) =>
      openRedisBeats({
        target,
        ...times,
        home: homeOf(queue),
        onBeat: (failure) => open(queue).noteBeat(failure),
        onRescued: (name, count) => {
          for (let n = 0; n < count; n += 1)
            publishEvent('holdfast:queue:job', () => ({ queue: name, event: 'rescued' }));
        },
      }),
    registry: onceEach((name) => new RedisWorkerRegistry(open(name))),
    openEvents: (name: string) => {
      const client = readerClient(target, times, `holdfast:events:${name}`, readerBlockMs);
      publishCommandsOf(client, 'events', () => name);
      const watch = new ConnectionWatch(Promise.resolve(client), target);
      waiting.add(watch);
      return new RedisEventReader(client, open(name).queue.getBackend().toKey('events'), () => waiting.delete(watch));
    },
    prove: async (deadlineMs) => {
      const [first, ...others] = handles.values();
      if (first === undefined) return;
      if (target.kind === 'cluster') {
        await Promise.all([first, ...others].map(async (handle) => handle.prove(deadlineMs)));
        return;
      }
      // All queues of one server share its fate.
      try {
        await first.prove(deadlineMs);
        for (const other of others) other.proven();
      } catch (error) {
        for (const other of others) other.proven(error);
        throw error;
      }
    },
    onReturn: (listener) => availability.onReturn(listener),
    onLoss: (listener) => epochs.onLoss(listener),
    close: async () => {
      availability.close();
      epochs.close();
      failovers?.close();
      await Promise.all([...handles.values()].map((handle) => handle.close()));
      await producer?.close();
    },
  };
}

function keyspaceOf({ prefix, keyPrefix = 'holdfast:jobs' }: RedisBackendOptions): QueueKeyspace {
  return prefix === undefined ? QueueKeyspace.tagged(keyPrefix) : QueueKeyspace.plain(prefix);
}

/** Does it once, however often it is asked for. */
function lazily(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return async () => (done ??= work());
}
