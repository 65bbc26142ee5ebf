import type { IncomingMessage } from 'node:http';
import { ApiError, apiErrors } from '@holdfast/modules/http';
import type { Metrics } from '@holdfast/telemetry';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import type { Exchange } from '../exchanges/exchange.ts';
import { refuseBody } from '../node-answers/client-error.ts';
import { letBodyCome } from '../node-answers/index.ts';
import { ByteBudget } from './byte-budget.ts';
import { HeldMemory } from './held-memory.ts';

export interface BodyBudgetOptions {
  readonly limitBytes: number;
  readonly metrics: Metrics;
}

/** Of memory for each byte of a body: as text, as what it was parsed to, and as what is sent on; or as the bytes that are stored. */
const perByte = { json: 8, raw: 2 } as const;
/** What takes no more is small, and answers up to here are not counted. */
const smallBytes = 64 * 1024;

/**
 * Bounds the memory of all bodies that are under way, and of the answers that are being made, together. A body that says how
 * long it is gets its room before any of it is read, or is refused; one that comes in chunks gets it as they come.
 */
export const bodyBudget = fp<BodyBudgetOptions>(
  async (app: FastifyInstance, { limitBytes, metrics }) => {
    const budget = new ByteBudget(limitBytes, perByte.json * smallBytes);
    const held = new Map<Exchange, HeldMemory>();
    const heldBy = (exchange: Exchange): HeldMemory => {
      const known = held.get(exchange);
      if (known !== undefined) return known;
      const memory = new HeldMemory(budget, exchange, (reason) => app.shed(exchange.request, reason));
      held.set(exchange, memory);
      return memory;
    };
    app.observeExchanges({
      left: (exchange) => {
        if (held.size === 0) return;
        held.get(exchange)?.release();
        held.delete(exchange);
      },
    });
    measure(budget, metrics);

    app.addHook('preParsing', (request, reply, payload, done) => {
      const { exchange } = request;
      if (exchange === null || request.is404 || !hasBody(request)) {
        letBodyCome(request, reply);
        done(null, payload);
        return;
      }
      const weight = request.routeOptions.config.rawBody === true ? perByte.raw : perByte.json;
      const length = request.headers['content-length'];
      try {
        // One that is longer than its route takes is refused by whoever would read it.
        if (Number(length ?? 0) <= request.routeOptions.bodyLimit) {
          if (length === undefined) holdAsItComes(budget, heldBy(exchange), exchange, weight);
          else {
            const bytes = weight * Number(length);
            if (!budget.canEverHold(bytes)) throw tooLarge();
            heldBy(exchange).holdBody(bytes);
          }
          letBodyCome(request, reply);
        }
        done(null, payload);
      } catch (error) {
        done(error as Error);
      }
    });

    app.decorateRequest('holdForAnswer', function (this: FastifyRequest, bytes: number): void {
      // One that is over, or was never begun, has nothing that an answer could be made for.
      if (this.exchange !== null && !this.exchange.isOver) heldBy(this.exchange).holdAnswer(bytes);
    });
    app.addHook('onSend', (request, reply, payload, done) => {
      try {
        const bytes = Buffer.isBuffer(payload) || typeof payload === 'string' ? payload.length : 0;
        if (bytes > smallBytes) request.holdForAnswer(bytes);
        done(null, payload);
      } catch (error) {
        forgetHeaders(reply);
        done(error as Error);
      }
    });
  },
  { name: 'body-budget', dependencies: ['exchanges', 'load', 'node-answers'] },
);

function hasBody({ headers }: FastifyRequest): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length']) > 0;
}

/** Who reads it calls `resume`: until then nothing comes, however long it takes to get there. */
function holdAsItComes(budget: ByteBudget, memory: HeldMemory, exchange: Exchange, weight: number): void {
  const { raw }: { raw: IncomingMessage } = exchange.request;
  let received = 0;
  const onData = (chunk: Buffer): void => {
    if (exchange.isAbandoned || exchange.isOver) {
      // What still comes is dropped, and nobody would give back what it is counted with.
      raw.off('data', onData);
      return;
    }
    received += chunk.length;
    try {
      if (!budget.canEverHold(weight * received)) throw tooLarge();
      memory.holdBody(weight * received);
    } catch (error) {
      refuseBody(exchange, error as ApiError, raw.socket);
    }
  };
  raw.on('data', onData).pause();
}

/** What they say is of an answer that is not sent. */
function forgetHeaders(reply: FastifyReply): void {
  for (const name of Object.keys(reply.getHeaders())) if (name !== 'x-request-id') reply.removeHeader(name);
}

function tooLarge(): ApiError {
  const detail = 'This body alone would take more memory than the service has for all (BODY_BUDGET): send it in parts.';
  return new ApiError(apiErrors.bodyTooLarge, detail);
}

function measure(budget: ByteBudget, metrics: Metrics): void {
  const instruments = metrics.instruments('body-budget');
  const bytes = instruments.gauge({
    name: 'holdfast_http_held_bytes',
    help: 'Memory that bodies and answers under way are counted with.',
  });
  const limit = instruments.gauge({
    name: 'holdfast_http_held_bytes_limit',
    help: 'How much that may be (BODY_BUDGET); requests beyond it are refused.',
  });
  limit.set(budget.limitBytes);
  instruments.onScrape(() => bytes.set(budget.heldBytes));
}
