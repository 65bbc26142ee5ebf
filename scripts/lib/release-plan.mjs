import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/**
 * What a release of the commit in `folder` consists of:
 *
 * - `mode`: `version` while there are changesets, which first become versions in a pull request; then `publish`. `none` before
 *   there is anything to release.
 * - `version`: the current one.
 * - `images`: whether those of this version are still to be built. The tag `v<version>` says that they are there: it is made
 *   after them. What npm has, `changeset publish` asks npm.
 *
 * @param {string} folder a clone whose remote `origin` has the tags
 */
export function releasePlan(folder) {
  const version = currentVersion(folder);
  const hasChangesets = readdirSync(join(folder, '.changeset')).some(isChangeset);
  // 0.0.0 is what stands there before the first release.
  const mode = hasChangesets ? 'version' : version === '0.0.0' ? 'none' : 'publish';
  return { mode, version, images: mode === 'publish' && !hasTag(folder, `v${version}`) };
}

/** Of all packages and apps, which is one. */
export function currentVersion(folder) {
  return JSON.parse(readFileSync(join(folder, 'apps/api/package.json'), 'utf8')).version;
}

function isChangeset(file) {
  return file.endsWith('.md') && file !== 'README.md';
}

/** Asked of the remote, since a clone of one commit has no tags. */
function hasTag(folder, tag) {
  const args = ['ls-remote', '--tags', 'origin', `refs/tags/${tag}`];
  const { status, stdout, stderr, error } = spawnSync('git', args, { cwd: folder, encoding: 'utf8', timeout: 60_000 });
  if (status !== 0) throw new Error(`git ${args.join(' ')} failed: ${error?.message ?? stderr}`);
  return stdout.trim() !== '';
}
