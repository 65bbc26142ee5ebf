import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { container, find, pod, read, render, workload } from './manifests.ts';
import { canRender, reason } from './rendering.ts';
import { problemsOf } from './schemas.ts';

const apps = [
  { name: 'holdfast-api', port: 3000, health: { name: 'health', port: 3900 } },
  { name: 'holdfast-worker', port: 3001, health: { name: 'http', port: 3001 } },
] as const;

describe('the manifests as they are written', () => {
  it.each(['base/api.yaml', 'base/worker.yaml', 'components/durable-outbox/forward.yaml', 'overlays/dev/redis.yaml'])(
    '%s is valid',
    (file) => {
      expect(read(file).flatMap(problemsOf)).toEqual([]);
    },
  );
});

describe.skipIf(!canRender).each(['dev', 'prod'] as const)(`the overlay %s${reason}`, (overlay) => {
  const manifests = canRender ? render(`overlays/${overlay}`) : [];

  it('holds valid objects without unknown fields', () => {
    expect(manifests.length).toBeGreaterThan(10);
    expect(manifests.flatMap(problemsOf)).toEqual([]);
  });

  it('puts every object into its own namespace', () => {
    const namespace = overlay === 'dev' ? 'holdfast-dev' : 'holdfast';
    expect(new Set(manifests.map((manifest) => manifest.metadata.namespace))).toEqual(new Set([namespace]));
  });

  it('names an image version for each app', () => {
    for (const { name } of apps) {
      const image = container(manifests, name).image ?? '';
      expect(image).toMatch(/:[\w.-]+$/);
      expect(image).not.toMatch(/:latest$/);
    }
  });

  describe.each(apps)('$name', ({ name, port, health }) => {
    it('has more than one pod, and a Deployment of it loses none to a rollout', () => {
      const { spec } = workload(manifests, name);
      expect(spec?.replicas).toBeGreaterThan(1);
      // A StatefulSet takes one pod away at a time, and starts it again before the next one goes.
      const { maxUnavailable } = (spec !== undefined && 'strategy' in spec && spec.strategy?.rollingUpdate) || {};
      expect(maxUnavailable).toBe(workload(manifests, name).kind === 'Deployment' ? 0 : undefined);
    });

    it('is asked for its life and for its readiness where a thread answers, not faster than it may answer', () => {
      const { livenessProbe, readinessProbe, ports } = container(manifests, name);
      expect(ports).toContainEqual({ name: 'http', containerPort: port, protocol: 'TCP' });
      expect(ports).toContainEqual({ name: health.name, containerPort: health.port, protocol: 'TCP' });
      for (const [probe, path] of [
        [livenessProbe, '/health/live'],
        [readinessProbe, '/health/ready'],
      ] as const) {
        expect(probe?.httpGet).toEqual({ path, port: health.name });
        expect(probe?.timeoutSeconds).toBeLessThan(probe?.periodSeconds ?? 0);
      }
    });

    it('takes addresses from a ConfigMap and secrets from Secrets, by reference', () => {
      const env = new Map(container(manifests, name).env?.map((entry) => [entry.name, entry.valueFrom]));
      expect(env.get('REDIS_URL')).toEqual({ configMapKeyRef: { name: 'redis-config', key: 'url' } });
      expect(env.get('REDIS_PASSWORD')).toEqual({ secretKeyRef: { name: 'redis-secret', key: 'token' } });
      expect(env.get('NOVITA_API_KEY')).toEqual({ secretKeyRef: { name: 'novita-secret', key: 'api-key' } });
      // The worker's port answers probes and Prometheus only.
      expect(env.get('HOLDFAST_API_KEYS')).toEqual(
        name === 'holdfast-api' ? { secretKeyRef: { name: 'holdfast-api-keys', key: 'keys' } } : undefined,
      );
      expect(env.get('QUEUE_REDIS_URL')).toEqual({
        secretKeyRef: { name: 'redis-secret', key: 'queue-url', optional: true },
      });
    });

    it('sets only variables that Holdfast knows', () => {
      const reference = readFileSync(new URL('../../../docs/reference/env.md', import.meta.url), 'utf8');
      const { env = [], envFrom = [] } = container(manifests, name);
      const fromConfig = envFrom.flatMap(({ configMapRef }) =>
        Object.keys(find(manifests, 'ConfigMap', configMapRef?.name ?? '').data ?? {}),
      );
      const own = env.map((entry) => entry.name).filter((variable) => variable !== 'POD_NAME');
      for (const variable of [...own, ...fromConfig]) expect(reference).toContain(`\`${variable}\``);
    });

    it('fits the restricted pod security standard', () => {
      const { securityContext } = pod(manifests, name);
      expect(securityContext).toMatchObject({
        runAsNonRoot: true,
        runAsUser: 1000,
        seccompProfile: { type: 'RuntimeDefault' },
      });
      expect(container(manifests, name).securityContext).toEqual({
        allowPrivilegeEscalation: false,
        privileged: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
    });

    it('has an account without a token, and no variables that Kubernetes makes up from Services', () => {
      expect(pod(manifests, name)).toMatchObject({
        serviceAccountName: name,
        automountServiceAccountToken: false,
        enableServiceLinks: false,
      });
      expect(find(manifests, 'ServiceAccount', name).automountServiceAccountToken).toBe(false);
    });

    it('is given more time to stop than it takes', () => {
      const config = manifests.find((manifest) => manifest.metadata.name.startsWith('holdfast-config'));
      const { data } = find(manifests, 'ConfigMap', config?.metadata.name ?? '');
      const neededSeconds = (Number(data?.['SHUTDOWN_DELAY']) + Number(data?.['SHUTDOWN_TIMEOUT'])) / 1000;
      expect(pod(manifests, name).terminationGracePeriodSeconds).toBeGreaterThan(neededSeconds + 5);
    });

    it('is found by its Service, its disruption budget and Prometheus', () => {
      const { selector, template } = workload(manifests, name).spec ?? {};
      const labels = { 'app.kubernetes.io/name': name };
      expect(selector?.matchLabels).toEqual(labels);
      expect(template?.metadata?.labels).toMatchObject(labels);
      expect(template?.metadata?.annotations).toEqual({
        'prometheus.io/scrape': 'true',
        'prometheus.io/port': String(health.port),
        'prometheus.io/path': '/metrics',
      });
      expect(find(manifests, 'Service', name).spec).toMatchObject({
        selector: labels,
        ports: [{ port, targetPort: 'http' }],
      });
      expect(find(manifests, 'PodDisruptionBudget', name).spec).toMatchObject({
        maxUnavailable: 1,
        selector: { matchLabels: labels },
      });
    });
  });

  it('scales the API by what its pods ask for, from as many as are wanted: applying it again takes none away', () => {
    const { minReplicas, scaleTargetRef, metrics } =
      find(manifests, 'HorizontalPodAutoscaler', 'holdfast-api').spec ?? {};
    const { apiVersion, kind, metadata, spec } = workload(manifests, 'holdfast-api');
    expect(scaleTargetRef).toEqual({ apiVersion, kind, name: metadata?.name });
    expect(minReplicas).toBe(spec?.replicas);
    const requested = Object.keys(container(manifests, 'holdfast-api').resources?.requests ?? {});
    for (const { resource } of metrics ?? []) expect(requested).toContain(resource?.name);
  });

  it('has every ConfigMap that its pods name', () => {
    for (const { name } of apps) {
      for (const { configMapRef } of container(manifests, name).envFrom ?? []) {
        expect(find(manifests, 'ConfigMap', configMapRef?.name ?? '').data).toMatchObject({ NODE_ENV: 'production' });
      }
    }
    expect(find(manifests, 'ConfigMap', 'redis-config').data).toEqual({
      url: expect.stringMatching(/^rediss?:\/\/[\w.-]+:\d+$/),
    });
  });

  if (overlay === 'prod') {
    it('brings neither a Redis nor a Secret', () => {
      const names = manifests.filter(({ kind }) => kind === 'StatefulSet').map(({ metadata }) => metadata.name);
      expect(names).toEqual(['holdfast-api']);
      expect(manifests.map((manifest) => manifest.kind)).not.toContain('Secret');
    });
  } else {
    it('brings a Redis and throw-away Secrets with the keys that the pods read', () => {
      expect(manifests.map((manifest) => `${manifest.kind}/${manifest.metadata.name}`)).toContain('StatefulSet/redis');
      expect(Object.keys(find(manifests, 'Secret', 'redis-secret').data ?? {})).toEqual(['token']);
      expect(Object.keys(find(manifests, 'Secret', 'novita-secret').data ?? {})).toEqual(['api-key']);
      // The key that the overlay and the guide name.
      const sha256 = createHash('sha256').update('hf_dev_throwaway-for-development-only').digest('hex');
      expect(find(manifests, 'Secret', 'holdfast-api-keys').data).toEqual({ keys: btoa(`dev:${sha256}:admin\n`) });
    });
  }
});
