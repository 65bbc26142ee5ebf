import type { Static } from 'typebox';
import { Type } from 'typebox';
import { Readiness } from './health.ts';
import { openProblems } from './problems.ts';

const path = Type.String();

export const ServiceInfo = Type.Object(
  {
    name: Type.String(),
    version: Type.String(),
    status: { ...Readiness.properties.status, description: 'As `/health/ready` says it.' },
    docs: path,
    board: Type.Optional(Type.String({ description: 'Where the caller may have it.' })),
    openapi: path,
    health: path,
    ready: path,
    metrics: path,
  },
  { title: 'ServiceInfo' },
);
export type ServiceInfo = Static<typeof ServiceInfo>;

const example: ServiceInfo = {
  name: 'Holdfast',
  version: '1.0.0',
  status: 'ok',
  docs: '/docs',
  board: '/admin/queues/',
  openapi: '/openapi.json',
  health: '/health',
  ready: '/health/ready',
  metrics: '/metrics',
};

export const getRoot = {
  operationId: 'getRoot',
  summary: 'Where to look',
  description:
    'A small page for a browser (`Accept: text/html`), JSON for everybody else. It says nothing that needs a key.',
  tags: ['operations'],
  response: {
    ...openProblems('REQUEST_INVALID'),
    200: {
      description: 'The state, and where the rest is.',
      content: {
        'application/json': {
          schema: ServiceInfo,
          example,
        },
        'text/html': { schema: Type.String(), example: '<!doctype html>' },
      },
    },
  },
};
