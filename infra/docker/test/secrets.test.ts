import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readCompose, readUpstash, root } from './compose.ts';

let folder: string;

beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'holdfast-secrets-')), 'secrets');
});

afterEach(() => {
  rmSync(join(folder, '..'), { recursive: true });
});

describe('make-secrets.sh', () => {
  it('makes every file that docker-compose.yml mounts, and nothing else', () => {
    make();
    expect(readdirSync(folder).sort()).toEqual(Object.keys(readCompose().secrets).sort());
  });

  it('shows the API key and stores only its SHA-256', () => {
    const key = /hf_admin_[0-9a-f]{64}/.exec(make())?.[0] ?? '';
    const [id, sha256, ...scopes] = secret('holdfast_api_keys').trim().split(':');
    expect(id).toBe('admin');
    expect(sha256).toBe(createHash('sha256').update(key).digest('hex'));
    expect(scopes.join(':').split('+')).toContain('cache:read');
    for (const name of readdirSync(folder)) expect(secret(name)).not.toContain(key);
  });

  it('puts the password of the durable Redis into its address', () => {
    make();
    const url = new URL(secret('queue_redis_url'));
    expect(url).toMatchObject({ protocol: 'redis:', host: 'redis-durable:6379' });
    expect(url.password).toBe(secret('redis_durable_password'));
    expect(url.password).toHaveLength(64);
  });

  it('keeps what is there when it is run again', () => {
    make();
    const before = readdirSync(folder).map(secret);
    expect(make()).toBe('');
    expect(readdirSync(folder).map(secret)).toEqual(before);
  });

  it('makes the address anew together with a password that was removed', () => {
    make();
    rmSync(join(folder, 'redis_durable_password'));
    make();
    expect(new URL(secret('queue_redis_url')).password).toBe(secret('redis_durable_password'));
  });

  it('leaves no file empty, which Holdfast would refuse', () => {
    expect(make()).toContain('put the key of your upstream API into');
    for (const name of readdirSync(folder)) expect(secret(name).trim()).not.toBe('');
  });

  it('takes the upstream key from the environment', () => {
    make({ NOVITA_API_KEY: 'sk_test' });
    expect(secret('novita_api_key')).toBe('sk_test');
  });

  it('takes the token of Upstash from the environment, for the file that docker-compose.upstash.yml mounts', () => {
    make({ UPSTASH_REDIS_REST_TOKEN: 'AX_token' });
    expect(secret('upstash_redis_rest_token')).toBe('AX_token');
    expect(readdirSync(folder).sort()).toEqual(Object.keys(readUpstash().secrets).sort());
  });

  it('lets nobody but the owner into the folder, and the containers read the files', () => {
    make();
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o644);
  });
});

function make(environment: Record<string, string> = {}): string {
  return execFileSync('sh', [join(root, 'infra/docker/make-secrets.sh'), folder], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], ...environment },
    timeout: 10_000,
  });
}

function secret(name: string): string {
  return readFileSync(join(folder, name), 'utf8');
}
