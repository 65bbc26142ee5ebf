import { describe, expect, it } from 'vitest';
import { load, loadError } from './load.ts';

describe('enabled: false', () => {
  it('takes a source out, and leaves its namespace to the cache', () => {
    const config = load({}, 'sources:\n  products: { enabled: false, timeout: 5s }\n  instances: { enabled: true }\n');
    expect(Object.keys(config.sources.byName)).toEqual(['instances']);
    expect(config.sources.disabled).toEqual(['products']);
    expect(config.queues.disabled).toEqual([]);
    const namespace = 'cache:\n  namespaces:\n    products: { ttl: 1h, softTtl: 5m }\n';
    expect(load({}, `${namespace}sources:\n  products: { enabled: false }\n`).cache.namespaces['products']).toEqual({
      ttlMs: 3_600_000,
      softTtlMs: 300_000,
    });
  });

  it('takes a queue out, built-in or not, and asks for nothing that it would need', () => {
    const yaml = `
queues:
  source-sync: { enabled: false }
  invoices: { enabled: false, url: 'http://printer/', secrets: [GONE_SECRET], schedule: { pattern: '0 6 * * *' } }
  product-refresh: { enabled: false }
  mail: { url: 'http://mail/' }
`;
    const { byName, disabled } = load({}, yaml).queues;
    expect(Object.keys(byName)).toEqual(['mail']);
    expect(disabled).toEqual(['source-sync', 'invoices', 'product-refresh']);
  });

  it('must name something that there is', () => {
    const { problems } = loadError(
      {},
      'queues:\n  sorce-sync: { enabled: false }\nsources:\n  product: { enabled: false }\n',
    );
    expect(problems.map(({ path }) => path)).toEqual([
      'sources.product.path',
      'sources.product.itemsField',
      'sources.product.idField',
      'queues.sorce-sync',
    ]);
  });

  it('is refused where WORKER_QUEUES counts on the queue', () => {
    const yaml = 'queues:\n  http-delivery: { enabled: false }\n';
    expect(loadError({ WORKER_QUEUES: 'source-sync,http-delivery' }, yaml).message).toContain(
      'WORKER_QUEUES: names a queue that is turned off (enabled: false) (allowed: source-sync)',
    );
    expect(load({ WORKER_QUEUES: 'source-sync' }, yaml).queues.served).toEqual(['source-sync']);
  });

  it('warns of what does not happen without the queue', () => {
    const off = 'queues:\n  source-sync: { enabled: false }\n  http-delivery: { enabled: false }\n';
    const declared = '  mail: { url: "http://mail/", failureUrl: "http://mail/failed" }\n';
    expect(load({ WEBHOOK_URL: 'https://hooks' }, off + declared).warnings).toEqual([
      expect.stringContaining('source-sync is turned off: no source is synced any more'),
      'queues.http-delivery is turned off: nothing is told to WEBHOOK_URL, queues.mail.failureUrl when a job has failed',
    ]);
    const noSources = 'sources:\n  instances: { enabled: false }\n  products: { enabled: false }\n';
    expect(load({}, off + noSources).warnings).toEqual([]);
    expect(load({ NOVITA_API_BASE_URL: 'https://api' }, noSources).warnings).toEqual([
      'NOVITA_API_BASE_URL is not used, because every source is turned off',
    ]);
  });
});

describe('a production without an upstream', () => {
  const production = { NODE_ENV: 'production', HOLDFAST_EMBEDDED: 'true' };

  it('is said to mirror nothing', () => {
    const { warnings, sources } = load(production);
    expect(sources.upstream.baseUrl).toBeNull();
    expect(warnings).toEqual([expect.stringContaining('NOVITA_API_BASE_URL is not set: nothing is mirrored')]);
    expect(warnings.join()).not.toContain('sample');
  });

  it('is nothing to speak of where no source is on', () => {
    const yaml = 'sources:\n  instances: { enabled: false }\n  products: { enabled: false }\n';
    expect(load(production, yaml).warnings).toEqual([]);
  });
});
