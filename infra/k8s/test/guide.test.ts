import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { find, renderOverlay, workload } from './manifests.ts';
import { canRender, reason } from './rendering.ts';
import { problemsOf } from './schemas.ts';

describe.skipIf(!canRender)(`the overlays that the guide to deploying shows${reason}`, () => {
  const guide = readFileSync(new URL('../../../docs/guide/deploy.md', import.meta.url), 'utf8');
  const overlays = [...guide.matchAll(/```yaml\n# kustomization\.yaml\n([\s\S]*?)^```/gm)].map(([, text = '']) => text);
  const ownFile = 'cache:\n  allowUndeclared: true\n';
  const [own = [], upstash = []] = canRender
    ? overlays.map((overlay) => renderOverlay(overlay, { 'holdfast.yaml': ownFile }))
    : [];

  it('hold valid objects without unknown fields', () => {
    expect(overlays).toHaveLength(2);
    expect([...own, ...upstash].flatMap(problemsOf)).toEqual([]);
  });

  it('put an address, a version, a storage class and a holdfast.yaml where production has others', () => {
    expect(find(own, 'ConfigMap', 'redis-config').data).toEqual({ url: 'rediss://redis-cache.internal:6379' });
    const { spec } = find(own, 'StatefulSet', 'holdfast-api');
    expect(spec?.volumeClaimTemplates?.[0]?.spec?.storageClassName).toBe('your-class');
    for (const name of ['holdfast-api', 'holdfast-worker']) {
      const { volumes } = workload(own, name).spec?.template.spec ?? {};
      const files = volumes?.find((volume) => volume.name === 'files')?.configMap?.name ?? '';
      expect(find(own, 'ConfigMap', files).data).toEqual({ 'holdfast.yaml': ownFile });
    }
  });

  it('put Upstash in the place of a Redis', () => {
    expect(find(upstash, 'ConfigMap', 'redis-config').data).toEqual({ url: 'https://your-database.upstash.io' });
    expect(JSON.stringify(workload(upstash, 'holdfast-api'))).toContain('"UPSTASH_REDIS_REST_URL"');
  });
});
