import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where a version of the images is written down: what is deployed from here, and what is copied from the guide. */
const files = ['infra/k8s/overlays/prod/kustomization.yaml', 'docs/guide/deploy.md'];

const entry = /^( *- name: \S*holdfast-(?:api|worker)\n(?: +newName: \S+\n)? +newTag: )(\S+)$/gm;

/**
 * Has the files below `folder` name `version` for the image of each app.
 *
 * @throws Error when a file names none for one of them: it has changed, and this no longer finds it.
 */
export function writeImageTags(folder, version) {
  for (const file of files) {
    const path = join(folder, file);
    const text = readFileSync(path, 'utf8');
    const { length } = [...text.matchAll(entry)];
    if (length !== 2) throw new Error(`${file} names a version of ${length} images instead of 2`);
    writeFileSync(path, text.replace(entry, `$1${version}`));
  }
}
