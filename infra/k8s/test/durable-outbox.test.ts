import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { container, containerOf, find, pod, render, renderOverlay } from './manifests.ts';
import { podConfig, type Secrets } from './pod-config.ts';
import { canRender, reason } from './rendering.ts';

const secrets: Secrets = {
  'redis-secret': { token: 'a-password' },
  'novita-secret': { 'api-key': 'a-key' },
  'holdfast-api-keys': { keys: `ops:${'0'.repeat(64)}:admin` },
};

describe.skipIf(!canRender)(`what a 202 outlives on Kubernetes${reason}`, () => {
  it('without the component: the process, on a volume of the pod, which any cluster has', () => {
    const manifests = canRender ? render('overlays/dev') : [];
    const spec = pod(manifests, 'holdfast-api');
    const { dataDir, dataVolume } = podConfig(manifests, spec, secrets);
    const mount = containerOf(spec).volumeMounts?.find(({ mountPath }) => mountPath === dataDir);
    const { emptyDir } = spec.volumes?.find(({ name }) => name === mount?.name) ?? {};
    // A pod whose volume grows beyond its limit is evicted, and the jobs with it: the outbox (256 MiB) refuses before.
    expect(emptyDir).toEqual({ sizeLimit: '1Gi' });
    expect(dataVolume).toEqual({ kind: 'ephemeral' });
    // A rollout has as many pods as ever, since none waits for the volume of another.
    expect(find(manifests, 'Deployment', 'holdfast-api').spec?.strategy?.rollingUpdate).toEqual({
      maxSurge: 1,
      maxUnavailable: 0,
    });
  });

  describe('with the component, as in production', () => {
    const manifests = canRender ? render('overlays/prod') : [];

    it('the pod too, on a claim of its own that no scaling and no deletion takes away', () => {
      const { spec } = find(manifests, 'StatefulSet', 'holdfast-api');
      expect(spec?.persistentVolumeClaimRetentionPolicy).toEqual({ whenDeleted: 'Retain', whenScaled: 'Retain' });
      const [claim, ...others] = spec?.volumeClaimTemplates ?? [];
      expect(others).toEqual([]);
      expect(claim?.metadata?.name).toBe('data');
      expect(claim?.spec?.accessModes).toEqual(['ReadWriteOnce']);
      const { dataDir, dataVolume } = podConfig(manifests, pod(manifests, 'holdfast-api'), secrets);
      expect(container(manifests, 'holdfast-api').volumeMounts).toContainEqual({ name: 'data', mountPath: dataDir });
      expect(pod(manifests, 'holdfast-api').volumes?.map(({ name }) => name)).not.toContain('data');
      // As Kubernetes calls the claim of a pod.
      expect(dataVolume).toEqual({ kind: 'claim', claim: 'data-name-of-the-pod' });
    });

    it('has no Deployment of the same name, and nothing that only a Deployment knows', () => {
      expect(manifests.filter(({ metadata }) => metadata.name === 'holdfast-api').map(({ kind }) => kind)).toEqual([
        'ServiceAccount',
        'Service',
        'StatefulSet',
        'PodDisruptionBudget',
        'HorizontalPodAutoscaler',
      ]);
      for (const { matchLabelKeys } of pod(manifests, 'holdfast-api').topologySpreadConstraints ?? []) {
        expect(matchLabelKeys).toEqual(['controller-revision-hash']);
      }
    });

    it('starts and ends pods together', () => {
      expect(find(manifests, 'StatefulSet', 'holdfast-api').spec?.podManagementPolicy).toBe('Parallel');
    });

    describe('the template of a Job that forwards what a claim holds', () => {
      const { suspend, jobTemplate } = (canRender && find(manifests, 'CronJob', 'holdfast-forward').spec) || {};
      const spec = jobTemplate?.spec?.template.spec;
      const guide = readFileSync(new URL('../../../docs/guide/deploy.md', import.meta.url), 'utf8');
      const [, script = '', name = ''] = /sed '(s\/[\w-]+\/([\w-]+)\/)'/.exec(guide) ?? [];
      // The command of the guide, on what kubectl makes of the template.
      const edited = execFileSync('sed', [script], { input: stringify(spec ?? {}), encoding: 'utf8' });
      const named = parse(edited) as NonNullable<typeof spec>;

      it('runs only when somebody makes a Job of it', () => {
        expect(suspend).toBe(true);
      });

      it('is told the claim by the command of the guide, and forwards the folder that the API had there', () => {
        const volume = named.volumes?.find(({ persistentVolumeClaim }) => persistentVolumeClaim !== undefined);
        expect(name).toBe('data-holdfast-api-3');
        expect(volume?.persistentVolumeClaim).toEqual({ claimName: name });
        const mount = containerOf(named).volumeMounts?.find((each) => each.name === volume?.name);
        const config = podConfig(manifests, named, secrets);
        expect(config.dataVolume).toEqual({ kind: 'claim', claim: name });
        const { command = [] } = containerOf(named);
        expect(command.slice(0, 3)).toEqual(['node', 'dist/forward.js', mount?.mountPath]);
        expect(mount?.mountPath).toBe(podConfig(manifests, pod(manifests, 'holdfast-api'), secrets).dataDir);
      });

      it('is the image of the API with its Redis, its queues and its rights', () => {
        const api = container(manifests, 'holdfast-api');
        const { image, envFrom, securityContext } = containerOf(named);
        expect({ image, envFrom, securityContext }).toEqual({
          image: api.image,
          envFrom: api.envFrom,
          securityContext: api.securityContext,
        });
        expect(named.securityContext).toEqual(pod(manifests, 'holdfast-api').securityContext);
        const { redis, file } = podConfig(manifests, pod(manifests, 'holdfast-api'), secrets);
        expect(podConfig(manifests, named, secrets)).toMatchObject({ redis, file });
      });

      it('ends by itself, also where the volume is attached to another node', () => {
        expect(jobTemplate?.spec?.activeDeadlineSeconds).toBeGreaterThan(600);
        expect(named.restartPolicy).toBe('Never');
      });
    });
  });

  it('is for the API only: a worker has neither a volume that lasts nor a folder', () => {
    for (const manifests of ['overlays/dev', 'overlays/prod'].map((path) => (canRender ? render(path) : []))) {
      const { volumes } = pod(manifests, 'holdfast-worker');
      expect(volumes?.map(({ name }) => name)).toEqual(['files', 'tmp']);
      const names = container(manifests, 'holdfast-worker').env?.map(({ name }) => name) ?? [];
      expect(names.filter((name) => name.startsWith('HOLDFAST_DATA'))).toEqual([]);
    }
  });

  it('can be added to an overlay of one’s own', () => {
    const manifests = renderOverlay(
      'resources: [../dev]\ncomponents: [../../components/durable-outbox]\nkind: Kustomization\n',
    );
    expect(find(manifests, 'StatefulSet', 'holdfast-api').spec?.volumeClaimTemplates).toHaveLength(1);
  });
});
