import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The scripts are plain JavaScript, which must run with nothing installed; here they get the types that they have. */
const load = async <T>(name: string): Promise<T> => (await import(`${root}scripts/lib/${name}`)) as T;
const { releasePlan } = await load<{ releasePlan: (folder: string) => object }>('release-plan.mjs');
const { writeImageTags } = await load<{ writeImageTags: (folder: string, version: string) => void }>('image-tags.mjs');

const overlay = 'infra/k8s/overlays/prod/kustomization.yaml';
const guide = 'docs/guide/deploy.md';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-release-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the plan of a release', () => {
  const git = (...args: readonly string[]): void => {
    const { status, stderr } = spawnSync('git', args, { cwd: folder, encoding: 'utf8' });
    expect(status, stderr).toBe(0);
  };
  const write = (file: string, content: string): void => {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), content);
  };
  const aVersion = (version: string): void => write('apps/api/package.json', JSON.stringify({ version }));

  beforeEach(() => {
    git('init', '--quiet');
    // Its own remote: what is asked of it is the same.
    git('remote', 'add', 'origin', folder);
    write('.changeset/README.md', '');
    write('.changeset/config.json', '{}');
  });

  it('is a version, and nothing else, while there is a changeset', () => {
    aVersion('0.3.0');
    write('.changeset/brave-cats.md', '');
    expect(releasePlan(folder)).toEqual({ mode: 'version', version: '0.3.0', images: false });
  });

  it('is packages and images once they have become a version', () => {
    aVersion('0.3.0');
    expect(releasePlan(folder)).toEqual({ mode: 'publish', version: '0.3.0', images: true });
  });

  it('leaves images alone that are there, and still asks npm for its packages', () => {
    aVersion('0.3.0');
    git('-c', 'user.name=a', '-c', 'user.email=a@example.com', 'commit', '--quiet', '--allow-empty', '--message', 'a');
    git('tag', 'v0.3.0');
    expect(releasePlan(folder)).toEqual({ mode: 'publish', version: '0.3.0', images: false });
  });

  it('is nothing before there is a version', () => {
    aVersion('0.0.0');
    expect(releasePlan(folder)).toEqual({ mode: 'none', version: '0.0.0', images: false });
  });

  it('fails rather than take a remote that does not answer for one without the tag', () => {
    aVersion('0.3.0');
    git('remote', 'set-url', 'origin', join(folder, 'nowhere'));
    expect(() => releasePlan(folder)).toThrow(/ls-remote/);
  });
});

describe('the version of the images', () => {
  beforeEach(() => {
    for (const file of [overlay, guide]) cpSync(`${root}${file}`, join(folder, file));
  });
  const tags = (file: string): string[] => readFileSync(join(folder, file), 'utf8').match(/(?<=newTag: ).*/g) ?? [];

  it('is written into the overlay and the guide by a release, and nothing beside it changes', () => {
    const before = readFileSync(join(folder, overlay), 'utf8');
    const [old = ''] = tags(overlay);
    writeImageTags(folder, '7.8.9-rc.1');
    expect(tags(overlay)).toEqual(['7.8.9-rc.1', '7.8.9-rc.1']);
    expect(tags(guide)).toEqual(['7.8.9-rc.1', '7.8.9-rc.1']);
    expect(readFileSync(join(folder, overlay), 'utf8').replaceAll('7.8.9-rc.1', old)).toBe(before);
  });

  it('cannot get lost because a file looks different one day', () => {
    writeFileSync(join(folder, guide), readFileSync(join(folder, guide), 'utf8').replace('newTag:', 'digest:'));
    expect(() => writeImageTags(folder, '7.8.9')).toThrow(`${guide} names a version of 1 images`);
  });
});
