import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { find, hasKubectl, render, type Manifest } from './manifests.ts';
import { problemsOf } from './schemas.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const canRender = hasKubectl || process.env['REQUIRE_KUBECTL'] === 'true';
const reason = canRender ? '' : ' (skipped: kubectl, which renders it, is not on the PATH)';

describe.skipIf(!canRender)(`the overlay that the guide to handlers shows${reason}`, () => {
  let folder: string;
  let manifests: Manifest[];
  beforeAll(() => {
    // Beside the others, as the guide has it: it builds upon ../prod.
    folder = mkdtempSync(join(root, 'infra/k8s/overlays/.of-a-test-'));
    const guide = readFileSync(`${root}docs/guide/handlers.md`, 'utf8');
    const [, overlay = ''] = /```yaml\n# kustomization\.yaml\n([\s\S]*?)^```/m.exec(guide) ?? [];
    writeFileSync(join(folder, 'kustomization.yaml'), overlay);
    for (const file of ['holdfast.yaml', 'my-handlers/mail.queue.ts', 'my-handlers/mail.handler.ts']) {
      cpSync(`${root}examples/handlers/${file}`, join(folder, basename(file)));
    }
    manifests = render(`overlays/${basename(folder)}`);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('holds valid objects without unknown fields', () => {
    expect(manifests.flatMap(problemsOf)).toEqual([]);
  });

  it.each(['holdfast-api', 'holdfast-worker'])(
    'mounts the files into %s, where the configuration is looked for',
    (name) => {
      const { containers, volumes } = find(manifests, 'Deployment', name).spec?.template.spec ?? {};
      const mount = containers?.[0]?.volumeMounts?.find(({ mountPath }) => mountPath === '/etc/holdfast');
      const volume = volumes?.find((each) => each.name === mount?.name);
      const files = find(manifests, 'ConfigMap', volume?.configMap?.name ?? '').data ?? {};
      expect(Object.keys(files).toSorted()).toEqual(['holdfast.yaml', 'mail.handler.ts', 'mail.queue.ts']);
      const settings = containers?.[0]?.envFrom?.[0]?.configMapRef?.name ?? '';
      expect(find(manifests, 'ConfigMap', settings).data).toMatchObject({
        HOLDFAST_CONFIG: '/etc/holdfast/holdfast.yaml',
        NODE_ENV: 'production',
      });
    },
  );
});
