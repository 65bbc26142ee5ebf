import { ApiError, apiErrors } from '@holdfast/modules/http';
import type { Instruments, Metrics } from '@holdfast/telemetry';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import type { Connections } from '../exchanges/connections.ts';
import { classOf, loadClasses, openPerConnection, slotsOf } from './classes.ts';
import { measurePressure, type Pressure, Refusals } from './pressure.ts';
import { ShedLog } from './shed-log.ts';
import { Slots } from './slots.ts';

/** Why a request was refused: its class is full, there is no room for its bytes, its caller is slow, or what the process is short of. */
export type ShedReason = 'slots' | 'bytes' | 'slow' | Pressure;

const reasons = ['slots', 'bytes', 'slow', 'event-loop', 'heap', 'rss'] as const satisfies readonly ShedReason[];

export interface LoadOptions {
  readonly connections: Connections;
  readonly metrics: Metrics;
  /** How late the event loop may be on average over a second. */
  readonly maxLoopDelayMs?: number | undefined;
}

declare module 'fastify' {
  interface FastifyInstance {
    /** The error for a request that the process cannot take now; counts it. */
    shed(request: FastifyRequest, reason: ShedReason): ApiError;
  }
}

/**
 * Refuses what would only make all others wait: a request whose class has no slot left, before its body is read and once more
 * when its work begins, and behind that whatever comes while the event loop is late or memory is short.
 *
 * A slot is taken by the work of a handler alone. It is not by who sends a body slowly, reads an answer slowly, waits for a job
 * or watches one; it is until the work has ended where the caller has left before.
 */
export const load = fp<LoadOptions>(
  async (app: FastifyInstance, { connections, metrics, maxLoopDelayMs }) => {
    const slots = new Slots(slotsOf);
    const log = new ShedLog(app.log);
    app.addHook('onClose', async () => log.close());
    const instruments = metrics.instruments('load');
    const refused = instruments.counter({
      name: 'holdfast_http_shed_total',
      help: 'Requests that were refused (503 OVERLOADED) so that the others are answered, by their class and the reason.',
      labels: { class: loadClasses, reason: reasons },
    });
    refused.startAtZero();
    measureSlots(slots, instruments);
    app.decorate('shed', (request: FastifyRequest, reason: ShedReason): ApiError => {
      const load = classOf(request);
      refused.add(1, { class: load, reason });
      log.note(load, reason);
      if (request.exchange !== null) request.exchange.isShed = true;
      return errors[reason];
    });

    app.addHook('onRequest', (request, _reply, done) => {
      const asked = classOf(request);
      const waits = asked === 'wait' || asked === 'stream';
      const isOneTooMany = waits && (connections.get(request.raw.socket)?.openCount ?? 0) > openPerConnection;
      if (!request.is404 && (isOneTooMany || slots.isFull(asked))) done(app.shed(request, 'slots'));
      else done();
    });
    const refusals = new Refusals();
    const onPressure = (request: FastifyRequest, pressure: Pressure): void => {
      const bodyBytes = Number(request.headers['content-length'] ?? 0);
      if (refusals.refuses(pressure, classOf(request), bodyBytes)) throw app.shed(request, pressure);
    };
    await measurePressure(app, onPressure, maxLoopDelayMs);

    app.observeExchanges({
      works: ({ request }) => {
        const load = classOf(request);
        // Others may have come while its body did.
        if (slots.isFull(load)) throw app.shed(request, 'slots');
        slots.take(load);
      },
      worked: ({ request }) => slots.free(classOf(request)),
    });
  },
  { name: 'load', dependencies: ['errors', 'exchanges'] },
);

function measureSlots(slots: Slots, instruments: Instruments): void {
  const limited = loadClasses.filter((load) => Number.isFinite(slotsOf[load]));
  const labels = { class: limited };
  const taken = instruments.gauge({
    name: 'holdfast_http_slots_taken',
    help: 'Requests that are worked on, of the classes that have a limit.',
    labels,
  });
  const limit = instruments.gauge({
    name: 'holdfast_http_slots_limit',
    help: 'How many requests of a class are worked on at a time; those beyond are refused.',
    labels,
  });
  for (const load of limited) limit.set(slotsOf[load], { class: load });
  instruments.onScrape(() => {
    for (const load of limited) taken.set(slots.taken(load), { class: load });
  });
}

const errors: Readonly<Record<ShedReason, ApiError>> = {
  slots: overloaded('There are as many requests of this kind at work as this process takes.'),
  bytes: overloaded('The bodies and answers under way take as much memory as this process has for them.'),
  slow: overloaded('Others needed the memory that this exchange took, and it did not go on fast enough.'),
  'event-loop': overloaded('This process is late with what it has to do.'),
  heap: overloaded('This process is short of memory.'),
  rss: overloaded('This process is short of memory.'),
};

function overloaded(detail: string): ApiError {
  return new ApiError(apiErrors.overloaded, detail);
}
