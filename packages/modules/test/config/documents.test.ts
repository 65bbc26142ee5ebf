import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '@holdfast/config';
import { documents } from '../../scripts/documents.ts';
import { environment, load, parts } from './load.ts';

function read(path: string): string {
  return readFileSync(new URL(`../../../../${path}`, import.meta.url), 'utf8');
}

describe('the documents', () => {
  it.each([...documents().keys()])('have %s as it is generated', (path) => {
    expect(read(path), 'run: pnpm --filter @holdfast/modules run docs').toBe(documents().get(path));
  });

  it('name every variable in .env.example with a value that is accepted', () => {
    const uncommented = parseEnv(read('.env.example').replaceAll(/^#(?=[A-Z_]+=)/gm, ''));
    expect(Object.keys(uncommented).sort()).toEqual(Object.keys(environment).sort());
    for (const [name, { type }] of Object.entries(environment)) {
      const value = uncommented[name] ?? '';
      if (value !== '') expect(() => type.parse(value), name).not.toThrow();
    }
  });

  it('have examples that load', () => {
    const commented = load(parseEnv(read('.env.example')) as Record<string, string>);
    expect(commented).toEqual(load());
    const development = load(parseEnv(read('.env.development.example')) as Record<string, string>);
    expect(development).toMatchObject({ mode: 'embedded', environment: 'development', warnings: [] });
    const production = load(parseEnv(read('.env.production.example')) as Record<string, string>);
    expect(production).toMatchObject({
      mode: 'redis',
      environment: 'production',
      server: { host: '::' },
      // As its first line asks for.
      warnings: ['REDIS_URL', 'QUEUE_REDIS_URL', 'NOVITA_API_KEY'].map(
        (name) => `${name} still holds the placeholder of an example`,
      ),
    });
  });

  it('have an example of holdfast.yaml that loads', () => {
    const { cache, sources, queues } = load({}, read('holdfast.example.yaml'));
    expect(cache.namespaces['search-results']).toEqual({
      ttlMs: 600_000,
      softTtlMs: 120_000,
      graceMs: 3_600_000,
      jitter: 0.1,
    });
    expect(cache.namespaces['products']).toEqual({ ttlMs: null, softTtlMs: 43_200_000, indexed: true });
    expect(sources.byName['templates']).toMatchObject({ timeoutMs: 20_000, maxItems: 5000 });
    expect(queues.byName['http-delivery']).toMatchObject({ attempts: 5 });
    expect(queues.byName['invoices']?.delivery).toMatchObject({ url: 'http://printer.internal:8080/print' });
  });

  it('are read from the file system by default', () => {
    const cwd = new URL('../../../..', import.meta.url).pathname;
    expect(loadConfig({ parts, env: { HOLDFAST_CONFIG: 'holdfast.example.yaml' }, cwd }).file).toMatch(
      /holdfast\.example\.yaml$/,
    );
  });
});
