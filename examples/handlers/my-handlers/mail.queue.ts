import { defineQueue } from '@holdfast/queue';
import { Type } from 'typebox';

export default defineQueue({
  name: 'mail',
  description: 'Sends one mail.',
  payload: Type.Object({ to: Type.String({ pattern: '@' }), text: Type.String() }, { additionalProperties: false }),
  attempts: 3,
  backoff: { type: 'exponential', delayMs: 1000 },
  timeoutMs: 30_000,
  concurrency: 5,
  retention: { completed: { count: 1000 }, failed: { ageMs: 14 * 86_400_000 } },
});
