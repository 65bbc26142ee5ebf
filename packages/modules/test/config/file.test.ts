import fc from 'fast-check';
import { stringify } from 'yaml';
import { describe, expect, it } from 'vitest';
import { ConfigError, loadConfig } from '@holdfast/config';
import { EntityGraph } from '@holdfast/cache';
import { files, load, loadError, parts, problemPaths } from './load.ts';

const source = 'sources: {gpus: {path: /gpus, itemsField: data, idField: id}}';

describe('holdfast.yaml', () => {
  it('is optional in the working directory, and must exist where HOLDFAST_CONFIG names it', () => {
    expect(load().file).toBeNull();
    const readFile = files({ '/etc/h.yaml': 'cache: {allowUndeclared: true}' });
    const config = loadConfig({ parts, env: { HOLDFAST_CONFIG: '../etc/h.yaml' }, cwd: '/app', readFile });
    expect(config).toMatchObject({ file: '/etc/h.yaml', cache: { allowUndeclared: true } });
    expect(problemPaths({ HOLDFAST_CONFIG: '/nowhere' })).toEqual(['HOLDFAST_CONFIG']);
  });

  it('may be empty', () => {
    expect(load({}, '# nothing\n').cache).toEqual(load().cache);
  });

  it('adds namespaces, and changes the built-in ones field by field', () => {
    const { namespaces } = load(
      {},
      'cache: {namespaces: {prompts: {ttl: 7d}, products: {softTtl: 1h}, own: {ttl: 10m, softTtl: 2m}, off: {ttl: 0}}}',
    ).cache;
    expect(namespaces['prompts']).toEqual({ ttlMs: 604_800_000 });
    expect(namespaces['products']).toEqual({ ttlMs: null, softTtlMs: 3_600_000, indexed: true });
    expect(namespaces['own']).toEqual({ ttlMs: 600_000, softTtlMs: 120_000 });
    expect(namespaces['off']).toEqual({ ttlMs: 0 });
    expect(namespaces['user']).toEqual({ ttlMs: 3_600_000 });
  });

  it('adds a source, whose namespace is mirrored', () => {
    const { sources, cache } = load({}, source);
    expect(sources.byName['gpus']).toMatchObject({
      name: 'gpus',
      namespace: 'gpus',
      pagination: { kind: 'none' },
      softTtlMs: 300_000,
    });
    expect(cache.namespaces['gpus']).toEqual({ ttlMs: null, softTtlMs: 300_000, indexed: true });
    expect(Object.keys(sources.byName)).toEqual(['instances', 'products', 'gpus']);
  });

  it('bounds a namespace', () => {
    const { namespaces } = load(
      {},
      'cache: {namespaces: {prompts: {maxEntries: 1000}, own: {softTtl: 1m, maxEntries: 5}}}',
    ).cache;
    expect(namespaces['prompts']).toEqual({ ttlMs: 86_400_000, maxEntries: 1000 });
    expect(namespaces['own']).toEqual({ ttlMs: null, softTtlMs: 60_000, maxEntries: 5 });
  });

  it('says how much is done together, and how often', () => {
    const tuned = load(
      {},
      [
        'cache: {batchSize: 1, accessFlushInterval: 500ms, sizeRefreshEvery: 1, sizeCacheTtl: 0}',
        'producer: {addBatchSize: 1}',
      ].join('\n'),
    );
    expect(tuned.cache).toMatchObject({
      batchSize: 1,
      usage: { flushIntervalMs: 500, refreshEvery: 1, sizeCacheTtlMs: 0 },
    });
    expect(tuned.queues.addBatchSize).toBe(1);
    // What is absent stays as the libraries have it.
    expect(load().cache.batchSize).toBeUndefined();
    expect(load().cache.usage).toEqual({});
    expect(load().queues.addBatchSize).toBeUndefined();
    expect(
      problemPaths({}, 'cache: {batchSize: 101, accessFlushInterval: 0, sizeRefreshEvery: 0, sizeCacheTtl: soon}'),
    ).toEqual(['cache.batchSize', 'cache.accessFlushInterval', 'cache.sizeRefreshEvery', 'cache.sizeCacheTtl']);
    expect(problemPaths({}, 'producer: {addBatchSize: 51}')).toEqual(['producer.addBatchSize']);
  });

  it('has rules for loaders, for spreading TTLs, and for L1', () => {
    const { cache } = load(
      {},
      [
        'cache:',
        '  l1: {maxBytes: 1048576, maxStale: 500ms}',
        '  namespaces:',
        '    prompts: {grace: 1d, jitter: 0.1, earlyRefresh: 0.8, negativeTtl: 30s}',
        '    own: {ttl: 1m, hardTimeout: 5s, failureThrottle: 2s, lease: 3s}',
      ].join('\n'),
    );
    expect(cache.l1).toEqual({ maxBytes: 1_048_576, maxStaleMs: 500 });
    expect(cache.namespaces['prompts']).toEqual({
      ttlMs: 86_400_000,
      graceMs: 86_400_000,
      jitter: 0.1,
      earlyRefresh: 0.8,
      negativeTtlMs: 30_000,
    });
    expect(cache.namespaces['own']).toEqual({
      ttlMs: 60_000,
      hardTimeoutMs: 5000,
      failureThrottleMs: 2000,
      leaseMs: 3000,
    });
    expect(load().cache.l1).toEqual({});
  });

  it('takes the bounds of the outbox, and leaves those that are absent to it', () => {
    expect(load({}, 'outbox: {maxBytes: 2097152, maxJobs: 5}').queues.outbox).toEqual({
      maxBytes: 2_097_152,
      maxJobs: 5,
    });
    expect(load().queues.outbox).toEqual({});
  });

  it('relates the entity types that are built in', () => {
    const graph = new EntityGraph(load().cache.entities);
    const edges = graph
      .names()
      .flatMap((name) =>
        graph
          .get(name)
          .invalidates.map(({ type, field }) => `${name} → ${type}${field === undefined ? '' : ` in ${field}`}`),
      );
    expect(graph.names()).toEqual(['user', 'creator', 'brand', 'asset', 'project', 'license']);
    expect(edges).toEqual([
      'creator → asset',
      'asset → project in projectId',
      'asset → creator in creatorId',
      'license → brand in brandId',
      'license → asset in assetId',
    ]);
    expect(graph.get('user').namespaces).toEqual(['user', 'user-settings']);
  });

  it('adds entity types, and changes the built-in ones', () => {
    const { entities } = load(
      {},
      [
        'cache: {namespaces: {article: {ttl: 1h}}}',
        'entities:',
        '  article: {invalidates: {user: {field: author.id}, article: {}}}',
        '  brand: {invalidates: {license: {}}}',
        '  license: {namespaces: [license, brand]}',
        '  asset: {invalidates: {}}',
      ].join('\n'),
    ).cache;
    const { entities: builtIn } = load().cache;
    expect(entities['article']).toEqual({
      namespaces: ['article'],
      invalidates: [{ type: 'user', field: 'author.id' }, { type: 'article' }],
    });
    expect(entities['brand']).toEqual({ namespaces: ['brand'], invalidates: [{ type: 'license' }] });
    expect(entities['license']).toEqual({ ...builtIn['license'], namespaces: ['license', 'brand'] });
    expect(entities['asset']).toEqual({ namespaces: ['asset'], invalidates: [] });
    expect(entities['user']).toEqual(builtIn['user']);
  });

  it.each([
    ['cache: {namespaces: {products: {ttl: 6h}}}', 'cache.namespaces.products.ttl', 'use softTtl'],
    ['cache: {namespaces: {own: {ttl: 1m, softTtl: 1m}}}', 'cache.namespaces.own.softTtl', 'not below'],
    ['cache: {namespaces: {own: {softTtl: 0s}}}', 'cache.namespaces.own.softTtl', 'above zero'],
    ['cache: {namespaces: {own: {ttl: 99999d}}}', 'cache.namespaces.own.ttl', 'at most 36500d'],
    ['cache: {namespaces: {own: {ttl: 1.5}}}', 'cache.namespaces.own.ttl', 'none (no expiry)'],
    ['cache: {namespaces: {"a b": {}}}', 'cache.namespaces."a b"', 'not a valid name'],
    ['cache: {namespaces: {__proto__: {ttl: 1m}}}', 'cache.namespaces.__proto__', 'not a valid name'],
    [
      'cache: {namespaces: {products: {maxEntries: 5}}}',
      'cache.namespaces.products.maxEntries',
      'written by the source',
    ],
    ['cache: {namespaces: {products: {grace: 1h}}}', 'cache.namespaces.products.grace', 'neither TTL nor loader'],
    ['cache: {namespaces: {own: {jitter: 1.5}}}', 'cache.namespaces.own.jitter', 'a number from 0 to 1'],
    ['cache: {namespaces: {own: {grace: 0s}}}', 'cache.namespaces.own.grace', 'above zero'],
    ['outbox: {maxBytes: 10}', 'outbox.maxBytes', 'from 1048576 to'],
    ['cache: {l1: {maxBytes: -1}}', 'cache.l1.maxBytes', 'from 0 to'],
    ['cache: {l1: {maxStale: soon}}', 'cache.l1.maxStale', 'a number with a unit'],
    ['cache: {namespaces: {own: {maxEntries: 0}}}', 'cache.namespaces.own.maxEntries', 'from 1 to'],
    ['entities: {user: {invalidates: {nobody: {}}}}', 'entities.user.invalidates.nobody', 'no entity type'],
    ['entities: {thing: {}}', 'entities.thing.namespaces', 'not under cache.namespaces: thing'],
    ['entities: {user: {namespaces: []}}', 'entities.user.namespaces', 'a list of 1 to 16'],
    [
      'entities: {user: {invalidates: {user: {feild: x}}}}',
      'entities.user.invalidates.user.feild',
      'did you mean field?',
    ],
    ['entities: {__proto__: {}}', 'entities.__proto__', 'not a valid name'],
    ['cache: {allowUndeclard: true}', 'cache.allowUndeclard', 'did you mean allowUndeclared?'],
    ['cache:', 'cache', 'must be a mapping'],
    ['queues: {q: {url: "https://q", payload: {multipleOf: 0}}}', 'queues.q.payload.multipleOf', 'a number above 0'],
    ['queues: {nope: {}}', 'queues.nope', 'source-sync, http-delivery'],
    ['sources: {x: {path: /x, idField: id}}', 'sources.x.itemsField', 'is missing'],
    ['sources: {x: {path: x, itemsField: i, idField: id}}', 'sources.x.path', 'starts with "/"'],
    ['sources: {products: {namespace: instances}}', 'sources.products.namespace', 'is written by the source instances'],
    ['sources: {products: {pagination: {kind: cursor}}}', 'sources.products.pagination.kind', 'page or none'],
    ['[]', 'holdfast.yaml', 'must be a mapping'],
    ['cache:\n  a: [\n', 'holdfast.yaml:3:1', 'not valid YAML'],
    ['a: 1\na: 2\n', 'holdfast.yaml:2:1', 'duplicate key'],
    ['a: !!js/function x', 'holdfast.yaml:1:4', 'not valid YAML'],
    ['a: 1\n---\nb: 2\n', 'holdfast.yaml:2:1', 'multiple docs'],
  ])('is refused as %j', (yaml, path, message) => {
    const error = loadError({}, yaml);
    expect(error.problems.map((problem) => problem.path)).toContain(path);
    expect(error.message).toContain(message);
  });

  it('does not grow from aliases', () => {
    const yaml = [
      'a: &a [x,x,x,x,x,x,x,x,x]',
      ...'bcdefgh'
        .split('')
        .map((name, index) => `${name}: &${name} [${Array(9).fill(`*${'abcdefg'[index]}`).join(',')}]`),
    ].join('\n');
    expect(loadError({}, yaml).message).toMatch(/alias/);
  });

  it('reports all problems, those behind a wrong neighbour too', () => {
    const yaml = 'cache: {maxValueBytes: 0, namespaces: {products: {ttl: 6h}, own: {x: 1}}}\nsources: {x: {path: bad}}';
    expect(problemPaths({}, yaml)).toEqual([
      'cache.maxValueBytes',
      'cache.namespaces.own.x',
      'sources.x.path',
      'sources.x.itemsField',
      'sources.x.idField',
      'cache.namespaces.products.ttl',
    ]);
  });

  it('loads, or is refused with a ConfigError, whatever is in it', () => {
    const words = [
      'cache',
      'namespaces',
      'products',
      'ttl',
      'softTtl',
      'sources',
      'pagination',
      'kind',
      'queues',
      'source-sync',
      '5m',
      'none',
      'page',
      0,
      -1,
      null,
    ];
    const tree = fc.letrec((tie) => ({
      node: fc.oneof(
        { maxDepth: 5 },
        fc.constantFrom(...words),
        fc.string(),
        fc.array(tie('node'), { maxLength: 2 }),
        fc.dictionary(fc.constantFrom(...words.map(String)), tie('node')),
      ),
    })).node;
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          tree.map((value) => stringify(value)),
        ),
        (yaml) => {
          try {
            load({}, yaml);
          } catch (error) {
            expect(error).toBeInstanceOf(ConfigError);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('has nothing under names that every object has', () => {
    const config = load({}, 'cache: {namespaces: {constructor: {ttl: 1m}}}');
    expect(config.cache.namespaces['constructor']).toEqual({ ttlMs: 60_000 });
    expect(config.cache.namespaces['toString']).toBeUndefined();
    expect(config.sources.byName['constructor']).toBeUndefined();
  });
});
