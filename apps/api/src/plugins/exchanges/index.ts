import type { FastifyInstance, FastifyReply, FastifyRequest, RouteHandlerMethod } from 'fastify';
import fp from 'fastify-plugin';
import type { Connections } from './connections.ts';
import { CallerGoneError, Exchange } from './exchange.ts';

/** Told of each exchange: when its request has arrived, and once when it is over. */
export interface ExchangeObserver {
  readonly begun?: (exchange: Exchange) => void;
  /** Its handler begins. What this throws is the answer instead, and no later observer is asked. */
  readonly works?: (exchange: Exchange) => void;
  /** The work of its handler has ended, whoever waits for the answer. Once for each that `works` let begin. */
  readonly worked?: (exchange: Exchange) => void;
  /** Answered, or given up: `exchange.status` says which. */
  readonly over?: (exchange: Exchange) => void;
  /** It is over, and nothing is done for it any more: what it held is free. */
  readonly left?: (exchange: Exchange) => void;
}

export interface ExchangesOptions {
  readonly connections: Connections;
  /** How long an answer may take, from when the request is there completely. */
  readonly timeoutMs: number;
}

declare module 'fastify' {
  interface FastifyInstance {
    observeExchanges(observer: ExchangeObserver): void;
  }
  interface FastifyRequest {
    /** `null` where Fastify refuses a request before there is a route for it. */
    exchange: Exchange | null;
  }
}

/**
 * Knows of every request whether somebody still waits for its answer: gives each route its deadline, stops its work when
 * the caller leaves, and tells those who count. The only place that does: Fastify's own `signal`, `handlerTimeout` and
 * `onRequestAbort` go by the request's `close`, which Node emits when the body has been read.
 */
export const exchanges = fp<ExchangesOptions>(
  async (app: FastifyInstance, { connections, timeoutMs }) => {
    const observers: ExchangeObserver[] = [];
    app.decorate('observeExchanges', (observer: ExchangeObserver) => void observers.push(observer));
    app.decorateRequest('exchange', null);
    app.decorateRequest('ended', {
      getter(this: FastifyRequest) {
        return this.exchange?.ended ?? AbortSignal.abort();
      },
    });

    const end = (exchange: Exchange): void => {
      if (exchange.isOver) return;
      exchange.end();
      connections.get(exchange.request.raw.socket)?.end(exchange);
      for (const { over } of observers) over?.(exchange);
      if (!exchange.isAtWork) leave(exchange);
    };
    const leave = (exchange: Exchange): void => {
      for (const { left } of observers) left?.(exchange);
    };
    const work: Work = {
      begin: (exchange) => {
        for (const { works } of observers) works?.(exchange);
        exchange.isAtWork = true;
      },
      end: (exchange) => {
        exchange.isAtWork = false;
        for (const { worked } of observers) worked?.(exchange);
        if (exchange.isOver) leave(exchange);
      },
    };
    app.addHook('onRequest', (request, reply, done) => {
      const exchange = new Exchange(request, reply);
      request.exchange = exchange;
      connections
        .open(request.raw.socket, (connection) => {
          for (const left of connection.open) {
            left.abandon(new CallerGoneError());
            end(left);
          }
        })
        .begin(exchange);
      for (const { begun } of observers) begun?.(exchange);
      done();
    });
    app.addHook('onResponse', (request, _reply, done) => {
      if (request.exchange !== null) end(request.exchange);
      done();
    });

    const attended = new WeakSet<RouteHandlerMethod>();
    app.addHook('onRoute', (route) => {
      if (route.handlerTimeout !== undefined)
        throw new Error(`${route.url}: all routes have their deadline from here.`);
      // The route for HEAD comes with the handler of the one for GET.
      if (attended.has(route.handler)) return;
      route.handler = attend(route.handler, work, route.config?.endsByItself === true ? undefined : timeoutMs);
      attended.add(route.handler);
    });
  },
  { name: 'exchanges' },
);

/** Told around the work of each handler. */
interface Work {
  readonly begin: (exchange: Exchange) => void;
  readonly end: (exchange: Exchange) => void;
}

function attend(handler: RouteHandlerMethod, work: Work, timeoutMs: number | undefined): RouteHandlerMethod {
  return function (this: FastifyInstance, request: FastifyRequest, reply: FastifyReply): unknown {
    const { exchange } = request;
    if (exchange === null) return handler.call(this, request, reply);
    work.begin(exchange);
    if (timeoutMs !== undefined) exchange.answerWithin(timeoutMs);
    let answer: unknown;
    try {
      answer = handler.call(this, request, reply);
    } finally {
      if (!(answer instanceof Promise)) work.end(exchange);
    }
    return answer instanceof Promise ? exchange.settle(answer, work.end) : answer;
  };
}
