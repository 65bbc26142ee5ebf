import { getHeapStatistics } from 'node:v8';
import underPressure from '@fastify/under-pressure';
import type { LoadClass } from '@holdfast/modules/http';
import { memoryLimit } from '@holdfast/redis-core';
import type { FastifyInstance, FastifyRequest } from 'fastify';

/** What the process is short of. */
export type Pressure = 'event-loop' | 'heap' | 'rss';

const names: Readonly<Record<string, Pressure>> = {
  eventLoopDelay: 'event-loop',
  heapUsedBytes: 'heap',
  rssBytes: 'rss',
};

/** Over a whole second the mean says that the loop is late all the time: one large body, or a machine that is busy, is no overload. */
const sampleMs = 1000;
const defaultLoopDelayMs = 500;
/** Beyond it the process spends its time on collections, or is about to be killed. */
const maxShare = 0.95;

/**
 * Measures what the process is short of, and tells of each request that comes meanwhile: what `onPressure` throws is its answer.
 *
 * @param maxLoopDelayMs how late the event loop may be on average over a second; 0: however late
 */
export async function measurePressure(
  app: FastifyInstance,
  onPressure: (request: FastifyRequest, pressure: Pressure) => void,
  maxLoopDelayMs = defaultLoopDelayMs,
): Promise<void> {
  // A start keeps the event loop as well, and a sample may hold one until two intervals are over: a process that has just begun to
  // listen would refuse its first requests, and a rollout fail some.
  let judgesLoopFrom = 0;
  app.addHook('onListen', async () => {
    judgesLoopFrom = performance.now() + 2 * sampleMs;
  });
  await app.register(underPressure, {
    sampleInterval: sampleMs,
    maxEventLoopDelay: maxLoopDelayMs,
    maxHeapUsedBytes: maxShare * getHeapStatistics().heap_size_limit,
    maxRssBytes: maxShare * memoryLimit(),
    pressureHandler: (request, _reply, type) => {
      const pressure = names[type] ?? 'event-loop';
      if (pressure !== 'event-loop' || performance.now() >= judgesLoopFrom) onPressure(request, pressure);
    },
  });
}

/** What is not larger costs about as much as a request without a body. */
const smallBodyBytes = 64 * 1024;
/** A process that has no more to do than that is not late by what it does: others on its machine are at work. */
const alwaysAdmitted = 100;
const windowMs = 1000;

/**
 * Whom to refuse under pressure. A loop that is late is late for all but probes, and whoever comes beyond a few in a second makes
 * it later. Where memory is short only what needs much of it is refused: memory that is never given back must not end the service
 * for all.
 */
export class Refusals {
  #windowEnd = 0;
  #admitted = 0;

  refuses(pressure: Pressure, load: LoadClass, bodyBytes: number): boolean {
    if (load === 'probe') return false;
    if (pressure !== 'event-loop') return load === 'bulk' || bodyBytes > smallBodyBytes;
    const now = performance.now();
    if (now >= this.#windowEnd) {
      this.#windowEnd = now + windowMs;
      this.#admitted = 0;
    }
    if (this.#admitted >= alwaysAdmitted) return true;
    this.#admitted += 1;
    return false;
  }
}
