import { BaseSequencer } from 'vitest/node';

/**
 * The files that take longest, in seconds on a quiet machine of two cores. A long file that begins last keeps the whole run
 * waiting, so these begin first; the figures need not be right, only about in order. `vitest run --reporter=json` tells them.
 */
const longest = {
  'packages/queue/test/consuming/blocked-loop.test.ts': 115,
  'apps/api/test/e2e/refusing.test.ts': 83,
  'apps/api/test/leaves-nothing.test.ts': 69,
  'packages/queue/test/operating/missed-events.test.ts': 66,
  'packages/queue/test/consuming/refused-results.test.ts': 46,
  'packages/runtime/test/health-thread/health-thread.test.ts': 40,
  'packages/queue/test/consuming/clocks.test.ts': 34,
  'packages/queue/test/operating/bounded-changes.test.ts': 30,
  'packages/queue/test/consuming/leaves-nothing.test.ts': 23,
  'packages/queue/test/embedded/hanging-disk.test.ts': 20,
  'apps/worker/test/stuck-loop.test.ts': 20,
  'apps/api/test/stuck-loop.test.ts': 17,
  'apps/api/test/e2e/own-queues.test.ts': 38,
  'apps/api/test/addresses.test.ts': 33,
  'apps/api/test/e2e/embedded.test.ts': 35,
  'apps/api/test/e2e/redis.test.ts': 33,
  'packages/redis-core/test/failover.test.ts': 32,
  'packages/queue/test/consuming/crash-recovery.test.ts': 30,
  'packages/cache/test/partial-outage.test.ts': 27,
  'packages/queue/test/consuming/pauses.test.ts': 24,
  'packages/queue/test/redis/topologies.test.ts': 22,
  'apps/api/test/e2e/own-queue-problems.test.ts': 28,
  'apps/api/test/e2e/start.test.ts': 20,
  'infra/typescript/test/compilers.test.ts': 22,
  'apps/api/test/loaded-files.test.ts': 17,
  'apps/api/test/request-timeout.test.ts': 25,
  'packages/cache/test/partial-outage-invalidation.test.ts': 19,
  'packages/runtime/test/create-runtime.test.ts': 17,
  'apps/worker/test/worker.test.ts': 17,
  'packages/redis-core/test/breaker.test.ts': 17,
  'packages/cache/test/history/history.test.ts': 15,
  'packages/testing/test/published/published.test.ts': 20,
  'packages/testing/test/documents/transcript.test.ts': 15,
  'packages/queue/test/consuming/threads.test.ts': 15,
  'packages/redis-core/test/cluster-masters.test.ts': 14,
  'packages/cache/test/sentinel.test.ts': 14,
  'packages/cache/test/partial-outage-random.test.ts': 13,
  'apps/api/test/idle-cost.test.ts': 14,
  'apps/api/test/one-request.test.ts': 20,
  'apps/worker/test/process.test.ts': 13,
  'packages/testing/test/topologies.test.ts': 12,
  'packages/queue/test/operating/dead-letters.test.ts': 12,
  'packages/queue/test/embedded/embedded-backend.test.ts': 12,
  'packages/queue/test/embedded/parts.test.ts': 12,
  'packages/queue/test/consuming/closing.test.ts': 12,
  'infra/openapi/test/clients.test.ts': 12,
  'apps/api/test/process.test.ts': 11,
  'packages/queue/test/embedded/survival.test.ts': 11,
  'apps/api/test/socket.test.ts': 10,
  'apps/worker/test/declared-queues.test.ts': 10,
};

/** Begins with the longest files; the others follow as they stand, the projects one after another. */
export class LongestFirst extends BaseSequencer {
  async sort(files) {
    const seconds = ({ project, moduleId }) => longest[moduleId.slice(moduleId.indexOf(`/${project.name}/`) + 1)] ?? 0;
    return (await super.sort(files)).sort((a, b) => seconds(b) - seconds(a));
  }
}
