import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorCatalogues } from '../src/error-catalogue.ts';
import { renderErrorReference } from '../src/error-reference.ts';
import { startApi } from './fixture.ts';
import type { Api } from './fixture.ts';

interface Operation {
  readonly operationId?: string;
  readonly summary?: string;
  readonly tags?: readonly string[];
  readonly security?: readonly object[];
  readonly 'x-scope'?: string;
  readonly responses: Readonly<
    Record<string, { readonly description?: string; readonly content?: Record<string, unknown> }>
  >;
}
interface OpenApi {
  readonly openapi: string;
  readonly tags: readonly { readonly name: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Record<string, unknown>; readonly securitySchemes: Record<string, unknown> };
}

const routes = [
  'delete /v1/cache/{ns}/{key}',
  'delete /v1/queues/{q}/jobs/{id}',
  'delete /v1/queues/{q}/schedules/{id}',
  'get /',
  'get /api/admin/redis/metrics',
  'get /api/batches/stats',
  'get /api/cache/stats',
  'get /api/health',
  'get /api/health/redis',
  'get /api/integrations/status',
  'get /health',
  'get /health/live',
  'get /health/ready',
  'get /metrics',
  'get /openapi.json',
  'get /v1/cache/{ns}/{key}',
  'get /v1/namespaces',
  'get /v1/namespaces/{ns}',
  'get /v1/namespaces/{ns}/keys',
  'get /v1/namespaces/{ns}/top',
  'get /v1/queues',
  'get /v1/queues/{q}',
  'get /v1/queues/{q}/dead-letters',
  'get /v1/queues/{q}/jobs',
  'get /v1/queues/{q}/jobs/{id}',
  'get /v1/queues/{q}/jobs/{id}/events',
  'get /v1/queues/{q}/schedules',
  'get /v1/queues/{q}/schedules/{id}',
  'get /v1/sources',
  'get /v1/sources/{s}',
  'get /v1/sources/{s}/items',
  'get /v1/sources/{s}/items/{id}',
  'post /v1/cache/{ns}/bulk/delete',
  'post /v1/cache/{ns}/bulk/get',
  'post /v1/cache/{ns}/bulk/set',
  'post /v1/cache/{ns}/invalidate',
  'post /v1/cache/{ns}/sync',
  'post /v1/entities/{type}/{id}/invalidate',
  'post /v1/queues/{q}/clean',
  'post /v1/queues/{q}/dead-letters/clean',
  'post /v1/queues/{q}/dead-letters/redrive',
  'post /v1/queues/{q}/drain',
  'post /v1/queues/{q}/jobs',
  'post /v1/queues/{q}/jobs/bulk',
  'post /v1/queues/{q}/jobs/{id}/cancel',
  'post /v1/queues/{q}/jobs/{id}/promote',
  'post /v1/queues/{q}/jobs/{id}/retry',
  'post /v1/queues/{q}/pause',
  'post /v1/queues/{q}/resume',
  'post /v1/sources/{s}/sync',
  'put /v1/cache/{ns}/{key}',
  'put /v1/queues/{q}/schedules/{id}',
];

describe('the OpenAPI document', () => {
  let api: Api;
  let document: OpenApi;
  let operations: [string, Operation][];
  beforeAll(async () => {
    api = await startApi({ engine: 'memory' });
    document = (await api.app.inject('/openapi.json')).json();
    operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]): [string, Operation] => [`${method} ${path}`, operation]),
    );
  });
  afterAll(() => api.close());

  it('is OpenAPI 3.1 and has every route', () => {
    expect(document.openapi).toBe('3.1.0');
    expect(operations.map(([name]) => name).sort()).toEqual(routes);
  });

  it('names and explains each operation, once', () => {
    const ids = operations.map(([, { operationId }]) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    const tags = new Set(document.tags.map(({ name }) => name));
    for (const [name, operation] of operations) {
      expect(operation.operationId, name).toMatch(/^[a-z][A-Za-z]+$/);
      expect(operation.summary, name).toBeTruthy();
      for (const tag of operation.tags ?? ['none']) expect(tags, name).toContain(tag);
    }
  });

  it('describes each answer, and each error as a problem', () => {
    for (const [name, { responses }] of operations) {
      expect(Object.keys(responses).length, name).toBeGreaterThan(0);
      for (const [status, { description, content }] of Object.entries(responses)) {
        expect(description, `${name} ${status}`).not.toBe('Default Response');
        if (name.includes('/health') || Number(status) < 400) continue;
        expect(Object.keys(content ?? {}), `${name} ${status}`).toEqual(['application/problem+json']);
      }
    }
  });

  it('says which operations need a key, and which scope', () => {
    for (const [name, { security, 'x-scope': scope }] of operations) {
      const isOpen = /^get \/$|\/(?:live|ready|openapi\.json)$|^get \/metrics$/.test(name);
      expect(security, name).toEqual(isOpen ? [] : [{ apiKey: [] }]);
      if (!isOpen) expect(scope, name).toBeTruthy();
    }
    expect(Object.keys(document.components.securitySchemes)).toEqual(['apiKey']);
  });

  it('refers only to what it has', () => {
    const references = JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g);
    const known = new Set(Object.keys(document.components.schemas).map((name) => `#/components/schemas/${name}`));
    const used = [...references].map(([, reference]) => reference);
    expect(used.length).toBeGreaterThan(0);
    for (const reference of new Set(used)) expect(known).toContain(reference);
  });

  it('is shown under /docs, by this server alone', async () => {
    const page = await api.app.inject('/docs/');
    expect(page.statusCode).toBe(200);
    expect(page.headers['content-security-policy']).toContain("default-src 'self'");
    expect(page.payload).not.toMatch(/(?:src|href)="https?:/);
    expect((await api.app.inject('/docs/static/swagger-ui-bundle.js')).statusCode).toBe(200);
  });
});

describe('the error reference', () => {
  it('is up to date', () => {
    const page = readFileSync(new URL('../../../docs/reference/errors.md', import.meta.url), 'utf8');
    expect(page).toBe(renderErrorReference(errorCatalogues));
  });

  it('knows each code once', () => {
    const codes = errorCatalogues.flatMap(({ errors }) => errors.map(({ code }) => code));
    expect(codes.length).toBe(new Set(codes).size);
  });
});
