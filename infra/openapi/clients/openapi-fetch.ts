/** Every operation, called through openapi-fetch with the types that openapi-typescript makes of the document. */
import type { Client } from 'openapi-fetch';
import type { operations, paths } from '../dist/openapi-typescript.ts';
import { data, entry, job, ns, queue, schedule, source } from './parameters.ts';

type Holdfast = Client<paths>;

export const calls = {
  getOpenApi: (api) => api.GET('/openapi.json'),
  getMetrics: (api) => api.GET('/metrics', { parseAs: 'text' }),
  getRoot: (api) => api.GET('/'),
  getLive: (api) => api.GET('/health/live'),
  getReady: (api) => api.GET('/health/ready'),
  getHealth: (api) => api.GET('/health'),
  getHealthSummary: (api) => api.GET('/api/health'),
  getRedisHealth: (api) => api.GET('/api/health/redis'),
  getBatchStats: (api) => api.GET('/api/batches/stats'),
  getRedisMetrics: (api) => api.GET('/api/admin/redis/metrics'),
  getIntegrations: (api) => api.GET('/api/integrations/status'),
  getCacheStats: (api) => api.GET('/api/cache/stats'),

  getEntry: (api) => api.GET('/v1/cache/{ns}/{key}', { params: { ...entry, header: { 'if-none-match': '"1"' } } }),
  putEntry: (api) =>
    api.PUT('/v1/cache/{ns}/{key}', {
      params: { ...entry, query: { ttl: '5m', tags: 'creator:7' } },
      body: { name: 'Ada' },
    }),
  deleteEntry: (api) => api.DELETE('/v1/cache/{ns}/{key}', { params: entry }),
  bulkGet: (api) => api.POST('/v1/cache/{ns}/bulk/get', { params: ns, body: { keys: ['user:42'] } }),
  bulkSet: (api) =>
    api.POST('/v1/cache/{ns}/bulk/set', { params: ns, body: { items: [{ key: 'user:42', value: { name: 'Ada' } }] } }),
  bulkDelete: (api) => api.POST('/v1/cache/{ns}/bulk/delete', { params: ns, body: { keys: ['user:42'] } }),
  syncEntries: (api) =>
    api.POST('/v1/cache/{ns}/sync', {
      params: ns,
      body: { updates: [{ key: 'user:42', value: 1 }], deletions: ['user:7'] },
    }),
  invalidateEntries: (api) => api.POST('/v1/cache/{ns}/invalidate', { params: ns, body: { tags: ['creator:7'] } }),
  invalidateEntity: (api) =>
    api.POST('/v1/entities/{type}/{id}/invalidate', { params: { path: { type: 'creator', id: '7' } } }),
  listNamespaces: (api) => api.GET('/v1/namespaces'),
  getNamespace: (api) => api.GET('/v1/namespaces/{ns}', { params: ns }),
  topKeys: (api) => api.GET('/v1/namespaces/{ns}/top', { params: { ...ns, query: { limit: 3 } } }),
  listKeys: async (api) => {
    const keys: string[] = [];
    let cursor: string | undefined;
    for (;;) {
      const query: { prefix: string; cursor?: string } = { prefix: 'user:', ...(cursor !== undefined && { cursor }) };
      const { data: page, ...answer } = await api.GET('/v1/namespaces/{ns}/keys', { params: { ...ns, query } });
      if (page === undefined) return answer;
      keys.push(...page.keys);
      if (page.cursor === null) return { data: keys, response: answer.response };
      cursor = page.cursor;
    }
  },

  listQueues: (api) => api.GET('/v1/queues'),
  getQueue: (api) => api.GET('/v1/queues/{q}', { params: queue }),
  getPayloadSchema: (api) => api.GET('/v1/queues/{q}/schema', { params: queue }),
  pauseQueue: (api) => api.POST('/v1/queues/{q}/pause', { params: queue }),
  resumeQueue: (api) => api.POST('/v1/queues/{q}/resume', { params: queue }),
  drainQueue: (api) => api.POST('/v1/queues/{q}/drain', { params: queue, body: { delayed: true } }),
  cleanQueue: (api) =>
    api.POST('/v1/queues/{q}/clean', { params: queue, body: { state: 'completed', olderThan: '1d' } }),
  addJob: (api) =>
    api.POST('/v1/queues/{q}/jobs', { params: queue, body: { data, options: { delay: '1h', jobId: 'hook-1' } } }),
  addJobs: (api) => api.POST('/v1/queues/{q}/jobs/bulk', { params: queue, body: { jobs: [{ data }] } }),
  listJobs: (api) => api.GET('/v1/queues/{q}/jobs', { params: { ...queue, query: { state: 'delayed', limit: 10 } } }),
  getJob: (api) => api.GET('/v1/queues/{q}/jobs/{id}', { params: { ...job, query: { wait: '10s' } } }),
  removeJob: (api) => api.DELETE('/v1/queues/{q}/jobs/{id}', { params: job }),
  retryJob: (api) => api.POST('/v1/queues/{q}/jobs/{id}/retry', { params: job }),
  cancelJob: (api) => api.POST('/v1/queues/{q}/jobs/{id}/cancel', { params: job, body: { reason: 'not needed' } }),
  promoteJob: (api) => api.POST('/v1/queues/{q}/jobs/{id}/promote', { params: job }),
  followJob: (api) => api.GET('/v1/queues/{q}/jobs/{id}/events', { params: job, parseAs: 'stream' }),
  listSchedules: (api) => api.GET('/v1/queues/{q}/schedules', { params: queue }),
  getSchedule: (api) => api.GET('/v1/queues/{q}/schedules/{id}', { params: schedule }),
  putSchedule: (api) =>
    api.PUT('/v1/queues/{q}/schedules/{id}', { params: schedule, body: { pattern: '0 3 * * *', job: { data } } }),
  deleteSchedule: (api) => api.DELETE('/v1/queues/{q}/schedules/{id}', { params: schedule }),
  listDeadLetters: (api) => api.GET('/v1/queues/{q}/dead-letters', { params: { ...queue, query: { limit: 10 } } }),
  redriveDeadLetters: (api) =>
    api.POST('/v1/queues/{q}/dead-letters/redrive', { params: queue, body: { ids: ['hook-1'] } }),
  cleanDeadLetters: (api) =>
    api.POST('/v1/queues/{q}/dead-letters/clean', { params: queue, body: { olderThan: '7d', limit: 100 } }),

  listSources: (api) => api.GET('/v1/sources'),
  getSource: (api) => api.GET('/v1/sources/{s}', { params: source }),
  listItems: (api) => api.GET('/v1/sources/{s}/items', { params: { ...source, query: { limit: 10 } } }),
  getItem: (api) => api.GET('/v1/sources/{s}/items/{id}', { params: { path: { s: 'instances', id: '7' } } }),
  syncSource: (api) => api.POST('/v1/sources/{s}/sync', { params: source }),
} satisfies Record<keyof operations, (api: Holdfast) => Promise<{ response: Response }>>;
