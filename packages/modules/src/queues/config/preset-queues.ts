import type { QueueConfig } from './settings.ts';

/**
 * Queues of which the policy is known, but not who does the work: each is there as soon as holdfast.yaml gives it a
 * `url`, and the file may change any part of it.
 */
export const presetQueues: Readonly<Record<string, Omit<QueueConfig, 'delivery'>>> = {
  'product-refresh': {
    description: 'Refreshes products.',
    attempts: 3,
    backoff: { type: 'exponential', delayMs: 1000 },
    priority: 'low',
    retention: { completed: { count: 5 }, failed: { count: 3 } },
    schedule: { pattern: '0 2 * * *', data: {} },
  },
  'embedding-computation': {
    description: 'Computes the embeddings of up to 32 products a job; those of jobs that come together make one.',
    attempts: 2,
    priority: 'normal',
    payload: {
      type: 'object',
      properties: {
        products: { type: 'array', minItems: 1, maxItems: 32, items: { type: 'string', minLength: 1, maxLength: 512 } },
      },
      required: ['products'],
      additionalProperties: false,
    },
    coalesce: { field: 'products', maxItems: 32, maxWaitMs: 50 },
  },
  'analytics-processing': {
    description: 'Processes analytics.',
    attempts: 1,
    priority: 'low',
    retention: { completed: { count: 5 }, failed: { count: 3 } },
    schedule: { pattern: '0 0 * * *', data: {} },
  },
};
