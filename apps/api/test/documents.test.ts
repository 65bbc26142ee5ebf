import { readFileSync, readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { errorCatalogues } from '../src/plugins/errors/error-catalogue.ts';
import { renderErrorReference } from '../src/plugins/errors/error-reference.ts';
import { startApi } from './fixture.ts';
import type { Api } from './fixture.ts';

interface Operation {
  readonly operationId?: string;
  readonly summary?: string;
  readonly tags?: readonly string[];
  readonly security?: readonly object[];
  readonly 'x-scope'?: string;
  readonly requestBody?: { readonly required?: boolean; readonly content?: Readonly<Record<string, unknown>> };
  readonly responses: Readonly<
    Record<string, { readonly description?: string; readonly content?: Record<string, unknown> }>
  >;
}
interface OpenApi {
  readonly openapi: string;
  readonly tags: readonly { readonly name: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: Readonly<Record<'schemas' | 'examples' | 'securitySchemes', Record<string, unknown>>>;
}

/** What the router answers, as the document writes it: without what is a part of GET, the board and the pages of the document. */
function routesOf(api: Api): string[] {
  const above: string[] = [];
  return api.app
    .printRoutes({ commonPrefix: false })
    .split('\n')
    .flatMap((line) => {
      const [, indent = '', part = '', methods = ''] = /^([ │]*)[├└]── (\S+) \((.+)\)$/.exec(line) ?? [];
      const depth = indent.length / 4;
      above.splice(depth, above.length, part);
      const path = above.join('').replaceAll(/:(\w+)/g, '{$1}');
      if (part === '' || /^\/(docs|admin\/queues)\b/.test(path)) return [];
      return methods.split(', ').flatMap((method) => (method === 'HEAD' ? [] : `${method.toLowerCase()} ${path}`));
    });
}

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

  it('is OpenAPI 3.1 and has every route that is answered', () => {
    expect(document.openapi).toBe('3.1.0');
    expect(operations.map(([name]) => name).sort()).toEqual(routesOf(api).sort());
  });

  it('is made once, however many ask for it', async () => {
    const fresh = await startApi({ engine: 'memory' });
    const make = vi.spyOn(fresh.app as unknown as { swagger: () => unknown }, 'swagger');
    const answers = await Promise.all(Array.from({ length: 5 }, async () => fresh.app.inject('/openapi.json')));
    expect(new Set(answers.map(({ body }) => body)).size).toBe(1);
    expect(make).toHaveBeenCalledTimes(1);
    await fresh.close();
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

  it('asks for a body only where one is needed', () => {
    const bodies = new Map(
      operations.map(([, { operationId = '', requestBody }]) => [operationId, requestBody?.required]),
    );
    expect(bodies.get('addJob')).toBe(true);
    expect(bodies.get('drainQueue')).toBe(false);
    expect(bodies.get('pauseQueue')).toBeUndefined();
    expect(bodies.get('putEntry')).toBe(true);
    expect(JSON.stringify(document)).not.toContain('x-optional-body');
  });

  it('says that an entry may be bytes of any type', () => {
    const { put } = document.paths['/v1/cache/{ns}/{key}'] ?? {};
    expect(Object.keys(put?.requestBody?.content ?? {})).toEqual(['application/json', 'text/plain', '*/*']);
  });

  it('refers only to what it has', () => {
    const references = JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g);
    const { schemas, examples } = document.components;
    const known = new Set([
      ...Object.keys(schemas).map((name) => `#/components/schemas/${name}`),
      ...Object.keys(examples).map((name) => `#/components/examples/${name}`),
    ]);
    const used = [...references].map(([, reference]) => reference);
    expect(used.length).toBeGreaterThan(0);
    for (const reference of new Set(used)) expect(known).toContain(reference);
  });

  it('names what it has in several places', () => {
    const refersTo = (name: string) => ({ schema: { $ref: `#/components/schemas/${name}` } });
    const { schemas } = document.components;
    expect(Object.keys(schemas)).toEqual(expect.arrayContaining(['Job', 'Queue', 'Schedule', 'CacheEntry', 'Problem']));
    const { get } = document.paths['/v1/queues/{q}/jobs/{id}'] ?? {};
    expect(get?.responses['200']?.content?.['application/json']).toMatchObject(refersTo('Job'));
    expect(get?.responses['404']?.content?.['application/problem+json']).toMatchObject(refersTo('Problem'));
    expect(schemas['JobPage']).toMatchObject({ properties: { jobs: { items: { $ref: '#/components/schemas/Job' } } } });
  });

  it('shows what each answer looks like', () => {
    for (const [name, { responses }] of operations) {
      for (const [status, { content = {} }] of Object.entries(responses)) {
        for (const media of Object.values(content)) {
          const { example, examples } = media as { readonly example?: unknown; readonly examples?: object };
          expect(example ?? examples, `${name} ${status}`).toBeDefined();
        }
      }
    }
  });

  it('is shown under /docs, by this server alone', async () => {
    const page = await api.app.inject('/docs/');
    expect(page.statusCode).toBe(200);
    expect(page.headers['content-security-policy']).toContain("default-src 'self'");
    expect(page.payload).not.toMatch(/(?:src|href)="https?:/);
    const files = [...page.payload.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file = '']) => file);
    expect(files).toEqual(['data:,', './swagger-ui.css', './swagger-ui-bundle.js', './start.js']);
    for (const file of files.slice(1)) {
      const { statusCode, headers } = await api.app.inject(`/docs/${file}`);
      expect(statusCode, file).toBe(200);
      expect(headers['content-type'], file).toMatch(file.endsWith('.css') ? /^text\/css/ : /^text\/javascript/);
    }
  });

  it('finds its files from /docs as from /docs/', async () => {
    const { payload } = await api.app.inject('/docs');
    for (const [, file = ''] of payload.matchAll(/(?:src|href)="(docs[^"]+)"/g)) {
      expect((await api.app.inject(`/${file}`)).statusCode, file).toBe(200);
    }
    expect(payload).toContain('src="docs/start.js"');
  });

  it('shows no logo and no icon of others', async () => {
    const theirs = readdirSync(new URL('static/', import.meta.resolve('@fastify/swagger-ui')));
    expect(theirs).toEqual(
      expect.arrayContaining(['logo.svg', 'favicon-32x32.png', 'swagger-ui-standalone-preset.js']),
    );
    for (const file of theirs.filter((name) => !['swagger-ui.css', 'swagger-ui-bundle.js'].includes(name))) {
      for (const path of [`/docs/${file}`, `/docs/static/${file}`]) {
        expect((await api.app.inject(path)).statusCode, path).toBe(404);
      }
    }
    // The bar with the logo is drawn by the standalone layout.
    for (const path of ['/docs/', '/docs/start.js', '/docs/swagger-ui-bundle.js', '/docs/swagger-ui.css']) {
      expect((await api.app.inject(path)).payload, path).not.toMatch(/StandaloneLayout|SmartBear/i);
    }
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
