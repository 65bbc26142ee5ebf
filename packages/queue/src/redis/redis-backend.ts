import { addressOf, FailoverWatch } from '@holdfast/redis-core';
import { createRedisBackend as createBullmqBackend, Queue, QueueEvents, type Processor } from 'bullmq';
import { publishEvent } from '../job/channels.ts';
import { checkBullmq, setMaximumBlock, workerInside } from './bullmq-inside.ts';
import { FetchingWorker } from '../consuming/fetching-worker.ts';
import type { FetchControl, JobWorker, WorkerTuning } from '../port/job-worker.ts';
import { Availability } from '../port/availability.ts';
import { listenForCancels } from './cancel-listener.ts';
import { publishCommands } from './command-events.ts';
import type { BackendStatus, QueueBackend } from '../port/backend.ts';
import { consumerConnection, producerConnection, queueTarget, type ConnectionTimes } from './connection.ts';
import { RedisQueueHandle } from './queue-handle.ts';
import { readLogsPlainly } from './logs.ts';
import { RedisWorkerRegistry } from './worker-registry.ts';
import { onceEach } from '../port/once-each.ts';
import { bearRefusals, learnVersionSilently } from './version.ts';
import { ConnectionWatch } from './connection-watch.ts';
import { checkRedisBackendOptions, type RedisBackendOptions } from './backend-options.ts';
import { nextRun } from '../job/next-run.ts';

/**
 * BullMQ on Redis. The keys of a queue are `<keyPrefix>:{<queue>}:<queue>:<what>`: one hash tag a queue, so that each
 * queue lives in one slot of a cluster.
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
  const prefixOf = (queue: string): string => `${options.keyPrefix ?? 'holdfast:jobs'}:{${queue}}`;
  const handles = new Map<string, RedisQueueHandle>();
  const workers = new Set<ConnectionWatch>();
  /** Connections that wait for news, of workers and of readers of events. */
  const waiting = new Set<ConnectionWatch>();
  const readStatus = (): BackendStatus => {
    const states = [...handles.values(), ...workers].map((part) => part.status);
    const away = states.filter((state) => !state.available);
    // One that has not tried yet knows no reason. Where no queue is open, none is missing.
    const refusing = states.find(({ refuses }) => refuses !== undefined);
    return away.find(({ fault }) => fault !== undefined) ?? away[0] ?? refusing ?? { available: true };
  };
  const availability = new Availability(readStatus, addressOf(target));
  const failovers =
    target.kind === 'sentinel'
      ? new FailoverWatch(target, 'queue', (master) => {
          for (const part of [...handles.values(), ...workers, ...waiting]) part.switchTo(master);
        })
      : undefined;

  const open = (name: string): RedisQueueHandle => {
    const existing = handles.get(name);
    if (existing !== undefined) return existing;
    const { connection, close } = producerConnection(target, times, `holdfast:producer:${name}`);
    const queue = new Queue<unknown, unknown>(name, {
      connection,
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
    readLogsPlainly(bearRefusals(queue.getBackend()));
    publishCommands(queue.getBackend().client, name, 'producer');
    const handle = new RedisQueueHandle(name, queue, times.commandTimeoutMs, target, close, availability);
    handles.set(name, handle);
    return handle;
  };

  const createWorker = (name: string, processor: Processor, tuning: WorkerTuning, control: FetchControl): JobWorker => {
    const blockSeconds = tuning.drainDelay ?? 10;
    const { connection, close } = consumerConnection(target, times, `holdfast:consumer:${name}`, blockSeconds);
    const options = { ...tuning, connection, prefix: prefixOf(name) };
    const worker: JobWorker = new FetchingWorker(name, processor, options, control, workerInside, (...args) =>
      setMaximumBlock(learnVersionSilently(bearRefusals(createBullmqBackend(...args))), blockSeconds),
    );
    const watch = new ConnectionWatch(worker.getBackend().client, target, availability);
    workers.add(watch);
    const { blockingClient } = worker.getBackend();
    const blocking = blockingClient === undefined ? undefined : new ConnectionWatch(blockingClient, target);
    if (blocking !== undefined) waiting.add(blocking);
    worker.on('error', (error) => watch.note(error));
    publishCommands(worker.getBackend().client, name, 'consumer');
    publishCommands(worker.getBackend().blockingClient, name, 'consumer');
    listenForCancels(worker.getBackend(), name, control);
    // From here on its connection ends because it is to.
    worker.on('closing', () => {
      workers.delete(watch);
      if (blocking !== undefined) waiting.delete(blocking);
    });
    worker.on('closed', close);
    return worker;
  };

  return {
    kind: 'redis',
    hasFlowsAcrossQueues: target.kind !== 'cluster',
    get status(): BackendStatus {
      return readStatus();
    },
    prefixOf,
    open,
    createWorker,
    registry: onceEach((name) => new RedisWorkerRegistry(open(name))),
    createEvents: (name: string, after: string) => {
      const { connection, close } = consumerConnection(target, times, `holdfast:events:${name}`);
      const events = new QueueEvents(name, {
        connection,
        prefix: prefixOf(name),
        lastEventId: after,
        skipVersionCheck: true,
      });
      // It blocks, so BullMQ has made a copy of what it was given.
      close();
      bearRefusals(events.getBackend());
      publishCommands(events.getBackend().client, name, 'events');
      const watch = new ConnectionWatch(events.getBackend().client, target);
      waiting.add(watch);
      const closeEvents = events.close.bind(events);
      events.close = async () => {
        waiting.delete(watch);
        await closeEvents();
      };
      return events;
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
    close: async () => {
      availability.close();
      failovers?.close();
      await Promise.all([...handles.values()].map((handle) => handle.close()));
    },
  };
}
