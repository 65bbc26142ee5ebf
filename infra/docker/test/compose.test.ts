import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '@holdfast/config';
import { readCompose, readUpstash, root, type Service } from './compose.ts';

const compose = readCompose();
const names = Object.keys(compose.services) as (keyof typeof compose.services)[];
const apps = ['api', 'worker'] as const;
const servers = ['redis-cache', 'redis-durable'] as const;

describe('docker-compose.yml', () => {
  describe.each(names)('%s', (name) => {
    const service = compose.services[name];

    it('is checked by a command of its own, and comes back unless it was stopped', () => {
      expect(service.healthcheck.test[0]).toMatch(/^CMD(-SHELL)?$/);
      expect(service.restart).toBe('unless-stopped');
    });

    it('runs without root, without capabilities, on a read-only file system', () => {
      // The two apps get their user from the image.
      if (service.build === undefined) expect(service.user).toMatch(/^[1-9]\d*:[1-9]\d*$/);
      expect(service).toMatchObject({
        read_only: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
      });
    });

    it('is of one version', () => {
      expect(service.image).toMatch(/:(\d+\.\d+(\.\d+)?(-\w+)?|\$\{HOLDFAST_VERSION:-local\})$/);
    });

    it('has only secrets and volumes that are declared', () => {
      for (const secret of service.secrets) expect(compose.secrets[secret]).toEqual({ file: `./secrets/${secret}` });
      for (const volume of (service.volumes ?? []).filter((each) => !each.startsWith('${HOLDFAST_FILES'))) {
        expect(Object.keys(compose.volumes)).toContain(volume.split(':')[0]);
      }
    });
  });

  describe.each(apps)('%s', (name) => {
    const service = compose.services[name];

    it('is built from a target that the Dockerfile has', () => {
      const { dockerfile = '', target } = service.build ?? {};
      expect(readFileSync(`${root}${dockerfile}`, 'utf8')).toContain(`\nFROM runtime AS ${target}\n`);
    });

    it('gets its secrets as files, each of which is mounted', () => {
      const { environment = {}, secrets } = service;
      const files = Object.entries(environment).filter(([variable]) => variable.endsWith('_FILE'));
      expect(files.map(([, path]) => path).sort()).toEqual(secrets.map((secret) => `/run/secrets/${secret}`).sort());
    });

    it('sets only variables that Holdfast knows', () => {
      const reference = readFileSync(`${root}docs/reference/env.md`, 'utf8');
      for (const variable of Object.keys(service.environment ?? {})) {
        expect(reference).toContain(`\`${variable.replace(/_FILE$/, '')}\``);
      }
    });

    it('finds holdfast.yaml in a folder of one’s own, and one with nothing in it where none is named', () => {
      const [, folder = '', path = ''] =
        service.volumes?.map((volume) => /^\$\{HOLDFAST_FILES:-(.+)\}:(.+):ro$/.exec(volume)).find(Boolean) ?? [];
      expect(service.environment?.['HOLDFAST_CONFIG']).toBe(`${path}/holdfast.yaml`);
      // A folder that is not there would be made by Docker, and be empty.
      expect(existsSync(`${root}${folder}/holdfast.yaml`)).toBe(true);
    });

    it('has more time to stop than it takes', () => {
      const graceMs = Number.parseInt(service.stop_grace_period ?? '10s', 10) * 1000;
      const { SHUTDOWN_DELAY: delay, SHUTDOWN_TIMEOUT: timeout } = service.environment ?? {};
      expect(graceMs).toBeGreaterThan(Number(delay) + Number(timeout) + 5_000);
    });
  });

  it('keeps the outbox of the API in a volume that outlives the container, and nothing of the worker', () => {
    const { api, worker } = compose.services;
    const folder = api.environment?.['HOLDFAST_DATA_DIR'] ?? '';
    expect(api.volumes).toContain(`api-data:${folder}`);
    expect(worker.environment).not.toHaveProperty('HOLDFAST_DATA_DIR');
    expect(worker.volumes).toEqual(api.volumes?.filter((volume) => !volume.startsWith('api-data:')));
    expect(Object.keys(compose.volumes)).toEqual(['api-data', 'redis-durable-data']);
  });

  it('lets nobody but the apps and the user interface reach a Redis, and other machines nothing unless told so', () => {
    for (const name of servers) {
      const { ports, networks } = compose.services[name];
      expect(ports).toBeUndefined();
      for (const network of networks) expect(compose.networks[network]).toEqual({ internal: true });
    }
    for (const port of names.flatMap((name) => compose.services[name].ports ?? [])) {
      expect(port).toMatch(/^(\$\{\w+:-127\.0\.0\.1\}|127\.0\.0\.1):/);
    }
  });

  describe('the user interface for Redis', () => {
    const service = compose.services['redis-insight'];

    it('runs only where it is asked for, on this machine only: it shows everything to whoever reaches it', () => {
      expect(service.profiles).toEqual(['ui']);
      expect(service.ports).toEqual(['127.0.0.1:${REDIS_UI_PORT:-5540}:5540']);
      expect(names.filter((name) => compose.services[name].profiles !== undefined)).toEqual(['redis-insight']);
    });

    it('knows both servers, and their passwords from files', () => {
      const [shell, flags, script = ''] = service.entrypoint ?? [];
      expect([shell, flags]).toEqual(['sh', '-ec']);
      for (const [index, server] of servers.entries()) {
        expect(service.environment).toMatchObject({ [`RI_REDIS_HOST${index + 1}`]: server });
        const [secret = ''] = compose.services[server].secrets;
        expect(script).toContain(`export RI_REDIS_PASSWORD${index + 1}="$$(cat /run/secrets/${secret})"\n`);
        expect(service.secrets).toContain(secret);
      }
      expect(JSON.stringify(service.environment)).not.toMatch(/PASSWORD/);
    });
  });
});

describe('docker-compose.upstash.yml', () => {
  const upstash = readUpstash();

  it.each(apps)('lets %s run on Upstash: the cache by REST, the queue over TLS in the same database', (name) => {
    const { environment = {}, secrets, networks, depends_on: dependencies } = upstash.services[name];
    const { mode, redis } = loadConfig({
      env: interpolated(environment, { UPSTASH_REDIS_REST_URL: 'https://db.example.upstash.io' }),
      cwd: '/app',
      parts: [],
      servesApi: name === 'api',
      readFile: (path) => {
        if (path === environment['HOLDFAST_CONFIG']) return '';
        const secret = secrets.find((each) => path === `/run/secrets/${each}`);
        if (secret === undefined) throw Object.assign(new Error(`there is no ${path}`), { code: 'ENOENT' });
        return secret === 'holdfast_api_keys' ? `ops:${'0'.repeat(64)}:admin` : `value-of-${secret}`;
      },
    });
    const token = 'value-of-upstash_redis_rest_token';
    expect(mode).toBe('upstash');
    expect(redis.cache.target).toEqual({ kind: 'upstash', url: 'https://db.example.upstash.io', token });
    expect(redis.queue).toMatchObject({ host: 'db.example.upstash.io', password: token, tls: {} });
    // Whoever forgets the address is told so by Compose.
    expect(environment['UPSTASH_REDIS_REST_URL']).toMatch(/^\$\{UPSTASH_REDIS_REST_URL:\?/);
    for (const secret of secrets) expect(upstash.secrets[secret]).toEqual({ file: `./secrets/${secret}` });
    expect(dependencies).toBeUndefined();
    expect(networks).toEqual(['default']);
  });

  it.each(apps)('leaves %s as it is otherwise', (name) => {
    const isOfRedis = (variable: string): boolean => /^((QUEUE|UPSTASH)_)?REDIS_/.test(variable);
    const rest = (service: Service): object => ({
      ...service,
      environment: Object.entries(service.environment ?? {}).filter(([variable]) => !isOfRedis(variable)),
      secrets: null,
      networks: null,
      depends_on: null,
    });
    expect(rest(upstash.services[name])).toEqual(rest(compose.services[name]));
  });

  it('starts no Redis, and no user interface for one', () => {
    for (const name of names.filter((each) => each !== 'api' && each !== 'worker')) {
      expect(upstash.services[name].profiles).toEqual(['local-redis']);
    }
  });
});

const hasCompose = spawnSync('docker', ['compose', 'version'], { timeout: 30_000 }).status === 0;
const reason = hasCompose ? '' : ' (skipped: there is no docker compose here)';

describe.skipIf(!hasCompose)(`docker compose${reason}`, () => {
  it.each([
    { what: 'docker-compose.yml', options: [] },
    { what: 'the profile ui', options: ['--profile', 'ui'] },
    { what: 'Upstash', options: ['--file', 'docker-compose.yml', '--file', 'docker-compose.upstash.yml'] },
  ])('accepts $what', ({ options }) => {
    const result = spawnSync('docker', ['compose', ...options, 'config', '--quiet'], {
      cwd: root,
      encoding: 'utf8',
      env: { ...process.env, UPSTASH_REDIS_REST_URL: 'https://db.example.upstash.io' },
      timeout: 60_000,
    });
    expect(result).toMatchObject({ status: 0, stderr: '' });
  });
});

/** What Compose makes of `${NAME:-default}` and `${NAME:?complaint}`. */
function interpolated(
  environment: Readonly<Record<string, string>>,
  values: Readonly<Record<string, string>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).map(([name, text]) => [
      name,
      text.replaceAll(/\$\{(\w+):[-?]([^}]*)\}/g, (_text, variable: string, rest: string) => values[variable] ?? rest),
    ]),
  );
}
