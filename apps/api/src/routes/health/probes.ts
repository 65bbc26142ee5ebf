import type { Readiness } from '@holdfast/contract';
import type { FastifyInstance } from 'fastify';
import { isReady, type ReadinessSources } from './report.ts';

interface ProbeAnswer {
  readonly status: 200 | 503;
  readonly body: Readiness;
}

/** Of a process that can answer at all: restarting it would heal nothing. */
export const live: ProbeAnswer = { status: 200, body: { status: 'ok' } };

/** Whether requests should be sent to this service. */
export function answerReady(
  { isDraining }: Pick<FastifyInstance, 'isDraining'>,
  sources: ReadinessSources,
): ProbeAnswer {
  if (isDraining) return { status: 503, body: { status: 'closing' } };
  return isReady(sources) ? { status: 200, body: { status: 'ok' } } : { status: 503, body: { status: 'down' } };
}
