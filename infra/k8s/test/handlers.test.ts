import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { container, find, pod, renderOverlay } from './manifests.ts';
import { canRender, reason } from './rendering.ts';
import { problemsOf } from './schemas.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));

describe.skipIf(!canRender)(`the overlay that the guide to handlers shows${reason}`, () => {
  const guide = readFileSync(`${root}docs/guide/handlers.md`, 'utf8');
  const [, overlay = ''] = /```yaml\n# kustomization\.yaml\n([\s\S]*?)^```/m.exec(guide) ?? [];
  const files = ['holdfast.yaml', 'my-handlers/mail.queue.ts', 'my-handlers/mail.handler.ts'];
  const texts = files.map((file) => [basename(file), readFileSync(`${root}examples/handlers/${file}`, 'utf8')]);
  const manifests = canRender ? renderOverlay(overlay, Object.fromEntries(texts) as Record<string, string>) : [];

  it('holds valid objects without unknown fields', () => {
    expect(manifests.flatMap(problemsOf)).toEqual([]);
  });

  it.each(['holdfast-api', 'holdfast-worker'])(
    'mounts the files into %s, where the configuration is looked for',
    (name) => {
      const { volumeMounts, envFrom } = container(manifests, name);
      const mount = volumeMounts?.find(({ mountPath }) => mountPath === '/etc/holdfast');
      expect(mount?.readOnly).toBe(true);
      const volume = pod(manifests, name).volumes?.find((each) => each.name === mount?.name);
      expect(find(manifests, 'ConfigMap', volume?.configMap?.name ?? '').data).toEqual(Object.fromEntries(texts));
      const settings = envFrom?.[0]?.configMapRef?.name ?? '';
      expect(find(manifests, 'ConfigMap', settings).data).toMatchObject({
        HOLDFAST_CONFIG: '/etc/holdfast/holdfast.yaml',
        NODE_ENV: 'production',
      });
    },
  );
});
