import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { ApiKey } from '@holdfast/config';
import { getRoot } from '@holdfast/contract';
import type { ServiceInfo } from '@holdfast/contract';
import type { FastifyRequest } from 'fastify';
import { boardRefusal } from '../../plugins/bull-board/board-access.ts';
import { answerReady } from '../health/probes.ts';
import type { HealthSources } from '../health/report.ts';
import { contentSecurityPolicy, homePage } from './page.ts';

export interface HomeOptions {
  readonly health: HealthSources;
  readonly apiKeys: readonly ApiKey[];
}

const paths = {
  docs: '/docs',
  board: '/admin/queues/',
  openapi: '/openapi.json',
  health: '/health',
  ready: '/health/ready',
  metrics: '/metrics',
} as const;

/** `/`: what somebody sees who opens the address of the service. Public, so it says only what is public. */
export const homeRoutes: FastifyPluginAsyncTypebox<HomeOptions> = async (app, { health, apiKeys }) => {
  const needsKey = apiKeys.length > 0;
  app.get('/', { config: { access: 'public' }, schema: getRoot }, async (request, reply) => {
    const { version } = health;
    const { status } = answerReady(app, health).body;
    const hasBoard = mayAskForBoard(request, apiKeys);
    reply.header('vary', 'accept').header('cache-control', 'no-store');
    if (!wantsPage(request.headers.accept)) {
      const { board, ...others } = paths;
      const service: ServiceInfo = { name: 'Holdfast', version, status, ...others, ...(hasBoard ? { board } : {}) };
      return service;
    }
    const address = `${request.protocol}://${request.host}`;
    const links = [
      { href: paths.docs, name: 'API', what: 'every route, with examples; it can be tried there' },
      ...(hasBoard
        ? [
            {
              href: paths.board,
              name: 'Board',
              what: `queues, jobs and workers${needsKey ? '; the password is a key with the scope admin' : ''}`,
            },
          ]
        : []),
      {
        href: paths.health,
        name: 'Health',
        what: `the state of all that it depends on${needsKey ? '; needs a key' : ''}`,
      },
      { href: paths.metrics, name: 'Metrics', what: 'for Prometheus' },
      { href: paths.openapi, name: 'OpenAPI', what: 'the routes as a document, for generators' },
    ];
    return reply
      .header('content-security-policy', contentSecurityPolicy)
      .header('x-content-type-options', 'nosniff')
      .header('referrer-policy', 'no-referrer')
      .type('text/html; charset=utf-8')
      .send(homePage({ version, status, address, links }));
  });
};

/** Whether the board would answer this caller, or ask for a key. */
function mayAskForBoard(request: FastifyRequest, apiKeys: readonly ApiKey[]): boolean {
  const refusal = boardRefusal(request, apiKeys);
  return refusal === undefined || refusal.status === 401;
}

/** Whether HTML is preferred to JSON. Who names neither, as most programs do, gets JSON. */
function wantsPage(accept = ''): boolean {
  const weightOf = (type: string): number => {
    const range = accept.split(',').find((part) => part.split(';', 1)[0]?.trim().toLowerCase() === type);
    if (range === undefined) return 0;
    const weight = Number(/;\s*q=([\d.]+)/i.exec(range)?.[1] ?? 1);
    return Number.isNaN(weight) ? 0 : weight;
  };
  return weightOf('text/html') > weightOf('application/json');
}
