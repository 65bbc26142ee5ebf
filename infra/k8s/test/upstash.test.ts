import { describe, expect, it } from 'vitest';
import { containerOf, find, pod, render, renderOverlay, type PodSpec } from './manifests.ts';
import { podConfig, type Secrets } from './pod-config.ts';
import { canRender, reason } from './rendering.ts';
import { problemsOf } from './schemas.ts';

const secrets: Secrets = {
  'redis-secret': { token: 'a-token' },
  'novita-secret': { 'api-key': 'a-key' },
  'holdfast-api-keys': { keys: `ops:${'0'.repeat(64)}:admin` },
};

function overlay(base: string, components: readonly string[]): string {
  return `kind: Kustomization
resources: [../${base}]
components: [${components.map((name) => `../../components/${name}`).join(', ')}]
configMapGenerator:
  - name: redis-config
    behavior: replace
    literals: [url=https://db.example.upstash.io]
    options: { disableNameSuffixHash: true }
`;
}

describe.skipIf(!canRender)(`the component upstash${reason}`, () => {
  const everywhere = canRender ? renderOverlay(overlay('prod', ['upstash'])) : [];
  const pods = (): [string, PodSpec][] => {
    const job = find(everywhere, 'CronJob', 'holdfast-forward').spec?.jobTemplate.spec?.template.spec;
    if (job === undefined) throw new Error('there is no pod in the template for Jobs');
    return [
      ['holdfast-api', pod(everywhere, 'holdfast-api')],
      ['holdfast-worker', pod(everywhere, 'holdfast-worker')],
      ['holdfast-forward', job],
    ];
  };

  it('holds valid objects without unknown fields', () => {
    expect(everywhere.flatMap(problemsOf)).toEqual([]);
  });

  it('lets every pod reach the cache by REST and the queue of the same database over TLS', () => {
    for (const [name, spec] of pods()) {
      const { mode, redis } = podConfig(everywhere, spec, secrets);
      expect(mode, name).toBe('upstash');
      const rest = { kind: 'upstash', url: 'https://db.example.upstash.io', token: 'a-token' };
      expect(redis.cache.target).toEqual(rest);
      expect(redis.durable.target).toEqual(rest);
      expect(redis.queue).toMatchObject({ host: 'db.example.upstash.io', port: 6379, password: 'a-token', tls: {} });
    }
  });

  it('takes another Redis for the queue where redis-secret has one', () => {
    const withQueue = {
      ...secrets,
      'redis-secret': { token: 'a-token', 'queue-url': 'rediss://:other@queue.example.com:6380' },
    };
    for (const [name, spec] of pods()) {
      const { redis } = podConfig(everywhere, spec, withQueue);
      expect(redis.queue, name).toMatchObject({ host: 'queue.example.com', port: 6380, password: 'other' });
      expect(redis.cache.target.kind).toBe('upstash');
    }
  });

  it('leaves no variable of a Redis behind', () => {
    for (const [name, spec] of pods()) {
      const names = containerOf(spec).env?.map((variable) => variable.name) ?? [];
      expect(names, name).not.toContain('REDIS_URL');
      expect(names, name).not.toContain('REDIS_PASSWORD');
    }
  });

  it('goes without durable-outbox as well, and with it in one list', () => {
    const alone = renderOverlay(overlay('dev', ['upstash']));
    expect(podConfig(alone, pod(alone, 'holdfast-api'), secrets).mode).toBe('upstash');
    const both = renderOverlay(overlay('dev', ['durable-outbox', 'upstash']));
    expect(podConfig(both, pod(both, 'holdfast-api'), secrets)).toMatchObject({
      mode: 'upstash',
      dataVolume: { kind: 'claim' },
    });
  });

  it('is needed: without it a pod speaks to a Redis', () => {
    const manifests = render('overlays/prod');
    const { mode, redis } = podConfig(manifests, pod(manifests, 'holdfast-api'), secrets);
    expect(mode).toBe('redis');
    expect(redis.cache.target).toMatchObject({ kind: 'standalone', password: 'a-token', tls: {} });
  });
});
