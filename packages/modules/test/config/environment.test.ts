import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError, loadConfig } from '@holdfast/config';
import { environment, files, load, loadError, parts, problemPaths } from './load.ts';

const hash = 'a'.repeat(64);

describe('the environment', () => {
  it('needs nothing: what is not set is in the reference, with its default', () => {
    expect(load()).toMatchObject({ apiKeys: [], warnings: [], file: null, dataDir: '/app/.holdfast' });
  });

  it('treats an empty value as unset', () => {
    const empty = Object.fromEntries(Object.keys(environment).map((name) => [name, '']));
    expect(load(empty)).toEqual(load());
  });

  it('reports everything that is wrong at once, one line each, with what is allowed', () => {
    const env = {
      PORT: '65536',
      REDIS_ENABLE_FALLBACK: 'yes',
      LOG_LEVEL: 'loud',
      REQUEST_TIMEOUT: '5x',
      WORKER_QUEUES: 'nope',
    };
    const error = loadError(env, 'cache:\n  namespaces:\n    products:\n      ttl: soon\n');
    expect(error.problems.map(({ path }) => path)).toEqual([
      'PORT',
      'LOG_LEVEL',
      'REQUEST_TIMEOUT',
      'REDIS_ENABLE_FALLBACK',
      'cache.namespaces.products.ttl',
      'WORKER_QUEUES',
    ]);
    expect(error.message.split('\n')).toHaveLength(7);
    expect(error.message).toContain('PORT: "65536" is out of range (allowed: a whole number from 0 to 65535)');
  });

  it.each([
    ['PORT', ' 3000'],
    ['PORT', '3e3'],
    ['PORT', '-1'],
    ['REDIS_ENABLE_FALLBACK', 'TRUE'],
    ['REDIS_COMMAND_TIMEOUT_MS', '0'],
    ['NOVITA_API_BASE_URL', 'ftp://host'],
    ['NOVITA_API_BASE_URL', 'https://u:p@host'],
    ['REDIS_KEY_PREFIX', 'a{b}'],
    ['REDIS_KEY_PREFIX', 'a:b'],
    ['CACHE_TIMEOUT', '0'],
    ['WEBHOOK_SECRET', 'short'],
    ['HOLDFAST_DATA_VOLUME', 'emptyDir'],
    ['HOLDFAST_DATA_VOLUME', 'claim:'],
    ['HOLDFAST_DATA_VOLUME', 'claim:Data_0'],
    ['HOLDFAST_DATA_VOLUME', 'claim:../else'],
  ])('refuses %s=%j', (name, value) => {
    expect(problemPaths({ [name]: value })).toEqual([name]);
  });

  it.each([
    ['', { kind: 'disk' }],
    ['disk', { kind: 'disk' }],
    ['ephemeral', { kind: 'ephemeral' }],
    ['claim:data-holdfast-api-0', { kind: 'claim', claim: 'data-holdfast-api-0' }],
  ])('reads what the data folder lies on: HOLDFAST_DATA_VOLUME=%j', (value, expected) => {
    expect(load({ HOLDFAST_DATA_VOLUME: value }).dataVolume).toEqual(expected);
  });

  it('reads the cache times in seconds, and the others in milliseconds', () => {
    const config = load({ CACHE_TIMEOUT: '120', COMPREHENSIVE_CACHE_TTL: '0', REQUEST_TIMEOUT: '30s' });
    expect(config.cache.namespaces['instances']).toEqual({ ttlMs: null, softTtlMs: 120_000, indexed: true });
    expect(config.cache.namespaces['api-responses']).toEqual({ ttlMs: 120_000 });
    expect(config.cache.namespaces['comprehensive']).toEqual({ ttlMs: 0 });
    expect(config.sources.byName['instances']?.softTtlMs).toBe(120_000);
    expect(config.server.requestTimeoutMs).toBe(30_000);
    expect(load({ NOVITA_API_CACHE_TTL: 'none' }).cache.namespaces['api-responses']).toEqual({ ttlMs: null });
  });

  it('warns of names that are probably typos, and not of what Kubernetes injects', () => {
    const { warnings } = load({
      REDIS_HOST: 'redis',
      REDIS_COMAND_TIMEOUT_MS: '1',
      HOLDFAST_SOMETHING_ELSE: '1',
      REDIS_PORT: 'tcp://10.0.0.1:6379',
      REDIS_SERVICE_HOST: '10.0.0.1',
      REDIS_PORT_6379_TCP_ADDR: '10.0.0.1',
      PATH: '/bin',
    });
    expect(warnings).toEqual([
      expect.stringContaining('enableServiceLinks'),
      'HOLDFAST_SOMETHING_ELSE is no variable of Holdfast',
      'REDIS_COMAND_TIMEOUT_MS is no variable of Holdfast; did you mean REDIS_COMMAND_TIMEOUT_MS?',
    ]);
  });
});

describe('a secret', () => {
  const readFile = files({
    '/run/secrets/token': 'tok\r\n',
    '/run/secrets/empty': '\n',
    '/app/url': 'redis://:pw@h\n',
  });

  it('can be a file, whose last line end is dropped', () => {
    const env = { UPSTASH_REDIS_REST_URL: 'https://h', UPSTASH_REDIS_REST_TOKEN_FILE: '/run/secrets/token' };
    expect(loadConfig({ parts, env, cwd: '/app', readFile }).redis.cache.target).toMatchObject({ token: 'tok' });
    const relative = loadConfig({ parts, env: { REDIS_URL_FILE: 'url' }, cwd: '/app', readFile });
    expect(relative.redis.queue).toMatchObject({ password: 'pw' });
  });

  it.each([
    [{ NOVITA_API_KEY: 'k', NOVITA_API_KEY_FILE: '/run/secrets/token' }, 'is set as well'],
    [{ NOVITA_API_KEY_FILE: '/nowhere' }, '/nowhere cannot be read (ENOENT)'],
    [{ NOVITA_API_KEY_FILE: '/run/secrets/empty' }, 'is empty'],
  ])('is refused as %j', (env, message) => {
    expect(() => loadConfig({ parts, env, cwd: '/app', readFile })).toThrow(message);
  });

  it('is not a device or a folder', () => {
    for (const path of ['/dev/zero', '/tmp']) {
      expect(() => loadConfig({ parts, env: { NOVITA_API_KEY_FILE: path }, cwd: '/nowhere' })).toThrow(/EINVAL/);
    }
  });

  it('never appears in an error, whatever else is wrong', () => {
    const canary = 'CANARY-5c1f';
    const secrets = Object.entries(environment).flatMap(([name, { secret }]) => (secret ? [name] : []));
    const value = fc.tuple(fc.string(), fc.string()).map(([left, right]) => `${left}${canary}${right}`);
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...secrets), value, { minKeys: 1 }), (env) => {
        try {
          for (const warning of load({ ...env, PORT: 'x' }).warnings) expect(warning).not.toContain(canary);
        } catch (error) {
          expect(String(error)).not.toContain(canary);
          expect(JSON.stringify(error)).not.toContain(canary);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('does not appear either when it stands in an address that is no secret', () => {
    const env = {
      REDIS_HOST: 'redis://u:CANARY@h',
      UPSTASH_REDIS_REST_URL: 'https://u:CANARY@h',
      REDIS_SENTINELS: 'CANARY@h',
    };
    expect(loadError(env).message).not.toContain('CANARY');
    expect(loadError({ REDIS_HOST: 'CANARY!', REDIS_KEY_PREFIX: 'CANARY!' }).message).not.toContain('CANARY');
  });
});

describe('any environment', () => {
  it('loads, or is refused with a ConfigError', () => {
    const names = Object.entries(environment).flatMap(([name, { secret }]) =>
      secret ? [name, `${name}_FILE`] : [name],
    );
    const examples = Object.values(environment).flatMap(({ example, fallback }) => [example ?? '', fallback ?? '']);
    const value = fc.oneof(
      fc.constantFrom(...examples),
      fc.string(),
      fc.webUrl(),
      fc.nat().map(String),
      fc.constant('rediss://h/1'),
    );
    fc.assert(
      fc.property(fc.dictionary(fc.oneof(fc.constantFrom(...names), fc.string()), value), (env) => {
        try {
          load(env);
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
        }
      }),
      { numRuns: 250 },
    );
  });
});

describe('API keys', () => {
  it('open the API to other machines', () => {
    const config = load({
      HOLDFAST_API_KEYS: `ops:${hash.toUpperCase()}:admin,shop:${hash}:cache:read+cache:write@products+user`,
    });
    expect(config.server.host).toBe('::');
    expect(config.apiKeys).toEqual([
      { id: 'ops', sha256: hash, scopes: ['admin'] },
      { id: 'shop', sha256: hash, scopes: ['cache:read', 'cache:write'], namespaces: ['products', 'user'] },
    ]);
  });

  it('may come from a file, one a line, with comments', () => {
    const readFile = files({ '/keys': `# callers\nops:${hash}:admin\n\nci:${hash}:jobs:write\n` });
    const { apiKeys } = loadConfig({ parts, env: { HOLDFAST_API_KEYS_FILE: '/keys' }, cwd: '/app', readFile });
    expect(apiKeys.map(({ id }) => id)).toEqual(['ops', 'ci']);
  });

  it.each([
    ['hf_ops_secret', 'entry 1 is not'],
    [`ops:${hash}`, 'entry 1 is not'],
    [`ops:abc:admin`, 'entry 1 is not'],
    [`o_ps:${hash}:admin`, 'entry 1 is not'],
    [`ops:${hash}:admin,x:${hash}:root`, 'entry 2 has an unknown scope'],
    [`ops:${hash}:admin+admin`, 'entry 1 gives a scope twice'],
    [`ops:${hash}:admin@a++b`, 'entry 1 has a wrong namespace'],
    [`ops:${hash}:admin,ops:${hash}:admin`, 'entry 2 has the id of entry 1'],
    [' , ', 'holds no entry'],
  ])('are refused as %s', (value, message) => {
    expect(loadError({ HOLDFAST_API_KEYS: value }).message).toContain(message);
  });

  it('are needed before HOST may be reachable from outside', () => {
    expect(loadError({ HOST: '0.0.0.0' }).message).toMatch(/set HOLDFAST_API_KEYS/);
    // Not of a worker, which opens no API; some shells set HOST by themselves.
    expect(
      loadConfig({ parts, env: { HOST: '0.0.0.0' }, cwd: '/app', readFile: files({}), servesApi: false }).mode,
    ).toBe('embedded');
    for (const host of ['127.0.0.1', '127.1.2.3', '::1', 'localhost'])
      expect(load({ HOST: host }).server.host).toBe(host);
    for (const host of ['127.example.com', '::', '10.0.0.1']) expect(problemPaths({ HOST: host })).toEqual(['HOST']);
  });
});

describe('the port for probes', () => {
  const production = { NODE_ENV: 'production', HOLDFAST_EMBEDDED: 'true' };

  it('is off unless it is asked for, and is reachable where a platform probes', () => {
    expect(load({}).server.health).toBeNull();
    expect(load({ HEALTH_PORT: '3900' }).server.health).toEqual({ host: 'localhost', port: 3900 });
    expect(load({ ...production, HEALTH_PORT: '3900' }).server.health).toEqual({ host: '::', port: 3900 });
    expect(load({ ...production, HEALTH_PORT: '3900', HOST: '127.0.0.1' }).server.health?.host).toBe('127.0.0.1');
  });

  it('is another one than that of the API, which a worker does not open', () => {
    expect(problemPaths({ PORT: '3900', HEALTH_PORT: '3900' })).toEqual(['HEALTH_PORT']);
    expect(load({ PORT: '0', HEALTH_PORT: '0' }).server.health).toEqual({ host: 'localhost', port: 0 });
    const env = { PORT: '3900', HEALTH_PORT: '3900' };
    expect(loadConfig({ parts, env, cwd: '/app', readFile: files({}), servesApi: false }).mode).toBe('embedded');
  });
});

describe('the delay of an end', () => {
  it('is none on a terminal, and some seconds in production', () => {
    expect(load({}).server.shutdownDelayMs).toBe(0);
    expect(load({ NODE_ENV: 'production', HOLDFAST_EMBEDDED: 'true' }).server.shutdownDelayMs).toBe(5000);
    expect(load({ SHUTDOWN_DELAY: '2s' }).server.shutdownDelayMs).toBe(2000);
    const none = { NODE_ENV: 'production', HOLDFAST_EMBEDDED: 'true', SHUTDOWN_DELAY: '0' };
    expect(load(none).server.shutdownDelayMs).toBe(0);
  });
});
