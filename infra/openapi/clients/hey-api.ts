/** Every operation, called through the client that @hey-api/openapi-ts makes of the document. */
import type { Client } from '../dist/hey-api/client';
import * as sdk from '../dist/hey-api/sdk.gen';
import { data, entry, job, ns, queue, schedule, source } from './parameters.ts';

export const calls = {
  getOpenApi: (client) => sdk.getOpenApi({ client }),
  getMetrics: (client) => sdk.getMetrics({ client }),
  getRoot: (client) => sdk.getRoot({ client }),
  getLive: (client) => sdk.getLive({ client }),
  getReady: (client) => sdk.getReady({ client }),
  getHealth: (client) => sdk.getHealth({ client }),
  getHealthSummary: (client) => sdk.getHealthSummary({ client }),
  getRedisHealth: (client) => sdk.getRedisHealth({ client }),
  getBatchStats: (client) => sdk.getBatchStats({ client }),
  getRedisMetrics: (client) => sdk.getRedisMetrics({ client }),
  getIntegrations: (client) => sdk.getIntegrations({ client }),
  getCacheStats: (client) => sdk.getCacheStats({ client }),

  getEntry: (client) => sdk.getEntry({ client, ...entry, headers: { 'if-none-match': '"1"' } }),
  putEntry: (client) =>
    sdk.putEntry({ client, ...entry, body: { name: 'Ada' }, query: { ttl: '5m', tags: 'creator:7' } }),
  deleteEntry: (client) => sdk.deleteEntry({ client, ...entry }),
  bulkGet: (client) => sdk.bulkGet({ client, ...ns, body: { keys: ['user:42'] } }),
  bulkSet: (client) => sdk.bulkSet({ client, ...ns, body: { items: [{ key: 'user:42', value: { name: 'Ada' } }] } }),
  bulkDelete: (client) => sdk.bulkDelete({ client, ...ns, body: { keys: ['user:42'] } }),
  syncEntries: (client) =>
    sdk.syncEntries({ client, ...ns, body: { updates: [{ key: 'user:42', value: 1 }], deletions: ['user:7'] } }),
  invalidateEntries: (client) => sdk.invalidateEntries({ client, ...ns, body: { tags: ['creator:7'] } }),
  invalidateEntity: (client) => sdk.invalidateEntity({ client, path: { type: 'creator', id: '7' } }),
  listNamespaces: (client) => sdk.listNamespaces({ client }),
  getNamespace: (client) => sdk.getNamespace({ client, ...ns }),
  topKeys: (client) => sdk.topKeys({ client, ...ns, query: { limit: 3 } }),
  listKeys: async (client) => {
    const keys: string[] = [];
    let cursor: string | undefined;
    for (;;) {
      const query: { prefix: string; cursor?: string } = { prefix: 'user:', ...(cursor !== undefined && { cursor }) };
      const { data: page, ...answer } = await sdk.listKeys({ client, ...ns, query });
      if (page === undefined) return answer;
      keys.push(...page.keys);
      if (page.cursor === null) return { data: keys };
      cursor = page.cursor;
    }
  },

  listQueues: (client) => sdk.listQueues({ client }),
  getQueue: (client) => sdk.getQueue({ client, ...queue }),
  getPayloadSchema: (client) => sdk.getPayloadSchema({ client, ...queue }),
  pauseQueue: (client) => sdk.pauseQueue({ client, ...queue }),
  resumeQueue: (client) => sdk.resumeQueue({ client, ...queue }),
  drainQueue: (client) => sdk.drainQueue({ client, ...queue, body: { delayed: true } }),
  cleanQueue: (client) => sdk.cleanQueue({ client, ...queue, body: { state: 'completed', olderThan: '1d' } }),
  addJob: (client) => sdk.addJob({ client, ...queue, body: { data, options: { delay: '1h', jobId: 'hook-1' } } }),
  addJobs: (client) => sdk.addJobs({ client, ...queue, body: { jobs: [{ data }] } }),
  listJobs: (client) => sdk.listJobs({ client, ...queue, query: { state: 'delayed', limit: 10 } }),
  getJob: (client) => sdk.getJob({ client, ...job, query: { wait: '10s' } }),
  removeJob: (client) => sdk.removeJob({ client, ...job }),
  retryJob: (client) => sdk.retryJob({ client, ...job }),
  cancelJob: (client) => sdk.cancelJob({ client, ...job, body: { reason: 'not needed' } }),
  promoteJob: (client) => sdk.promoteJob({ client, ...job }),
  followJob: async (client) => {
    const { stream } = await sdk.followJob({ client, ...job });
    for await (const event of stream) return event;
    return undefined;
  },
  listSchedules: (client) => sdk.listSchedules({ client, ...queue }),
  getSchedule: (client) => sdk.getSchedule({ client, ...schedule }),
  putSchedule: (client) => sdk.putSchedule({ client, ...schedule, body: { pattern: '0 3 * * *', job: { data } } }),
  deleteSchedule: (client) => sdk.deleteSchedule({ client, ...schedule }),
  listDeadLetters: (client) => sdk.listDeadLetters({ client, ...queue, query: { limit: 10 } }),
  redriveDeadLetters: (client) => sdk.redriveDeadLetters({ client, ...queue, body: { ids: ['hook-1'] } }),
  cleanDeadLetters: (client) => sdk.cleanDeadLetters({ client, ...queue, body: { olderThan: '7d', limit: 100 } }),

  listSources: (client) => sdk.listSources({ client }),
  getSource: (client) => sdk.getSource({ client, ...source }),
  listItems: (client) => sdk.listItems({ client, ...source, query: { limit: 10 } }),
  getItem: (client) => sdk.getItem({ client, path: { s: 'instances', id: '7' } }),
  syncSource: (client) => sdk.syncSource({ client, ...source }),
} satisfies Record<keyof typeof sdk, (client: Client) => Promise<unknown>>;
