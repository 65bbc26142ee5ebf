import { createBullBoard } from '@bull-board/api';
import { FastifyAdapter } from '@bull-board/fastify';
import type { ApiKey } from '@holdfast/config';
import type { QueueBackend, Queues } from '@holdfast/queue';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { boardRefusal } from './board-access.ts';
import { QueueAdapter } from './queue-adapter.ts';
import { decode } from '../strict-by-default/decode.ts';
import { ApiError, apiErrors } from '@holdfast/modules/http';
import { sendError } from '../errors/index.ts';

export interface BullBoardOptions {
  readonly apiKeys: readonly ApiKey[];
  readonly backend: QueueBackend;
  readonly queues: Queues;
}

const prefix = '/admin/queues';

/** Only what this server sends itself: the page asks for fonts elsewhere, and does without. */
const contentSecurityPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'";

/**
 * Bull Board under `/admin/queues`. It has no authentication of its own, so the check stands in front of all it serves.
 * What is removed there is removed as by the REST routes; what else is changed goes to BullMQ directly: jobs that are added by hand are not checked against the queue's schema.
 */
export async function bullBoard(app: FastifyInstance, { apiKeys, backend, queues }: BullBoardOptions): Promise<void> {
  app.addHook('onRequest', async (request, reply) => {
    reply.header('content-security-policy', contentSecurityPolicy);
    reply.header('x-content-type-options', 'nosniff');
    reply.header('referrer-policy', 'no-referrer');
    const refusal = boardRefusal(request, apiKeys);
    const answer = refusal ?? urlRefusal(request);
    if (answer === undefined) return undefined;
    // A browser asks for the key; it goes into the field for the password.
    if (answer.status === 401) reply.header('www-authenticate', 'Basic realm="holdfast", charset="UTF-8"');
    // Not thrown: Bull Board answers errors in a form of its own.
    return sendError(answer, request, reply);
  });
  const board = new FastifyAdapter();
  board.setBasePath(prefix);
  createBullBoard({
    queues: queues.names().map((name) => new QueueAdapter(name, backend, queues.admin)),
    serverAdapter: board,
    options: { uiConfig: { boardTitle: 'Holdfast' } },
  });
  await app.register(board.registerPlugin(), { prefix });
}

/** Why the board could not make anything of a URL: no UTF-8, or U+0000, which PostgreSQL cannot look for. */
function urlRefusal({ raw, query }: FastifyRequest): ApiError | undefined {
  const { activeQueue, queueName } = query as Readonly<Record<string, unknown>>;
  try {
    const texts = [raw.url, activeQueue, queueName].filter((text) => typeof text === 'string');
    // The board decodes the names of queues once more.
    if (!texts.some((text) => decode(text, 'URL').includes('\0'))) return undefined;
    return new ApiError(apiErrors.urlInvalid, 'The URL has U+0000, which nothing here can have in it.');
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
}
