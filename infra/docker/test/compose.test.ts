import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readCompose, root } from './compose.ts';

const compose = readCompose();
const names = ['api', 'worker', 'redis-cache', 'redis-durable'] as const;
const apps = ['api', 'worker'] as const;

describe('docker-compose.yml', () => {
  it('runs the API, the worker and two Redis servers', () => {
    expect(Object.keys(compose.services)).toEqual([...names]);
  });

  describe.each(names)('%s', (name) => {
    const service = compose.services[name];

    it('is checked by a command of its own, and comes back unless it was stopped', () => {
      expect(service.healthcheck.test[0]).toMatch(/^CMD(-SHELL)?$/);
      expect(service.restart).toBe('unless-stopped');
    });

    it('runs without root, without capabilities, on a read-only file system', () => {
      // The two apps get their user from the image.
      if (service.build === undefined) expect(service.user).toBe('999:999');
      expect(service).toMatchObject({
        read_only: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
      });
    });

    it('has only secrets and volumes that are declared', () => {
      for (const secret of service.secrets) expect(compose.secrets[secret]).toEqual({ file: `./secrets/${secret}` });
      for (const volume of service.volumes ?? []) expect(Object.keys(compose.volumes)).toContain(volume.split(':')[0]);
    });
  });

  describe.each(apps)('%s', (name) => {
    const service = compose.services[name];

    it('is built from its own target', () => {
      expect(service.build).toEqual({ context: '.', dockerfile: 'infra/docker/Dockerfile', target: name });
      expect(existsSync(`${root}infra/docker/Dockerfile`)).toBe(true);
    });

    it('gets its secrets as files, each of which is mounted', () => {
      const { environment = {}, secrets } = service;
      const files = Object.entries(environment).filter(([variable]) => variable.endsWith('_FILE'));
      expect(files.map(([variable]) => variable).sort()).toEqual([
        // The worker's port answers probes and Prometheus only.
        ...(name === 'api' ? ['HOLDFAST_API_KEYS_FILE'] : []),
        'NOVITA_API_KEY_FILE',
        'QUEUE_REDIS_URL_FILE',
        'REDIS_PASSWORD_FILE',
      ]);
      expect(files.map(([, path]) => path).sort()).toEqual(secrets.map((secret) => `/run/secrets/${secret}`).sort());
    });

    it('sets only variables that Holdfast knows', () => {
      const reference = readFileSync(`${root}docs/reference/env.md`, 'utf8');
      for (const variable of Object.keys(service.environment ?? {})) {
        expect(reference).toContain(`\`${variable.replace(/_FILE$/, '')}\``);
      }
    });

    it('waits until both Redis servers are healthy', () => {
      expect(service.depends_on).toEqual({
        'redis-cache': { condition: 'service_healthy' },
        'redis-durable': { condition: 'service_healthy' },
      });
    });

    it('keeps its data in a named volume of its own', () => {
      expect(service.environment?.['HOLDFAST_DATA_DIR']).toBe('/var/lib/holdfast');
      expect(service.volumes).toEqual([`${name}-data:/var/lib/holdfast`]);
    });

    it('has more time to stop than it takes', () => {
      const graceMs = Number.parseInt(service.stop_grace_period ?? '10s', 10) * 1000;
      expect(graceMs).toBeGreaterThan(Number(service.environment?.['SHUTDOWN_TIMEOUT']) + 5_000);
    });
  });

  it('publishes the API alone, and on loopback unless told otherwise', () => {
    expect(names.filter((name) => compose.services[name].ports !== undefined)).toEqual(['api']);
    expect(compose.services.api.ports).toEqual(['${HOLDFAST_BIND:-127.0.0.1}:${HOLDFAST_PORT:-3000}:3000']);
  });

  it('keeps both Redis servers on a network without a way out', () => {
    expect(compose.networks['redis']).toEqual({ internal: true });
    expect(compose.services['redis-cache'].networks).toEqual(['redis']);
    expect(compose.services['redis-durable'].networks).toEqual(['redis']);
  });

  const hasCompose = spawnSync('docker', ['compose', 'version'], { timeout: 30_000 }).status === 0;
  const reason = hasCompose ? '' : ' (skipped: there is no docker compose here)';
  it.skipIf(!hasCompose)(`is accepted by docker compose${reason}`, () => {
    const result = spawnSync('docker', ['compose', 'config', '--quiet'], {
      cwd: root,
      encoding: 'utf8',
      timeout: 60_000,
    });
    expect(result).toMatchObject({ status: 0, stderr: '' });
  });
});
