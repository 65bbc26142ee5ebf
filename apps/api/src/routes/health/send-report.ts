import type { FastifyReply } from 'fastify';
import type { Status } from './report.ts';

/**
 * As it is, and not as its schema says: the fields of modules are theirs to name, and one that is missing because a module
 * failed must not fail the answer.
 */
export function sendReport(
  reply: FastifyReply,
  report: { readonly status: Status; readonly [field: string]: unknown },
): FastifyReply {
  return reply
    .code(report.status === 'down' ? 503 : 200)
    .type('application/json; charset=utf-8')
    .send(JSON.stringify(report));
}
