import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readCompose, root } from './compose.ts';

const compose = readCompose();
const names = Object.keys(compose.services) as (keyof typeof compose.services)[];
const apps = ['api', 'worker'] as const;
const servers = names.filter((name) => compose.services[name].build === undefined);

describe('docker-compose.yml', () => {
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

    it('keeps its data in a volume of its own', () => {
      const [volume = '', folder] = service.volumes?.[0]?.split(':') ?? [];
      expect(folder).toBe(service.environment?.['HOLDFAST_DATA_DIR']);
      expect(names.filter((other) => compose.services[other].volumes?.some((one) => one.startsWith(volume)))).toEqual([
        name,
      ]);
    });

    it('has more time to stop than it takes', () => {
      const graceMs = Number.parseInt(service.stop_grace_period ?? '10s', 10) * 1000;
      expect(graceMs).toBeGreaterThan(Number(service.environment?.['SHUTDOWN_TIMEOUT']) + 5_000);
    });
  });

  it('lets nobody but the apps reach a Redis, and other machines nothing unless told so', () => {
    for (const name of servers) {
      const { ports, networks } = compose.services[name];
      expect(ports).toBeUndefined();
      for (const network of networks) expect(compose.networks[network]).toEqual({ internal: true });
    }
    for (const port of names.flatMap((name) => compose.services[name].ports ?? [])) {
      expect(port).toMatch(/^\$\{\w+:-127\.0\.0\.1\}:/);
    }
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
