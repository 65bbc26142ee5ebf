/** Turns the changesets into versions and changelogs, and has the overlays name the images of that version. */
import { spawnSync } from 'node:child_process';
import { fail } from './lib/fail.mjs';
import { writeImageTags } from './lib/image-tags.mjs';
import { root, withTools } from './lib/paths.mjs';
import { currentVersion } from './lib/release-plan.mjs';

const { status, signal, error } = spawnSync('changeset', ['version'], {
  cwd: root,
  env: withTools(),
  stdio: 'inherit',
});
if (status !== 0)
  fail(`changeset version failed (${error?.message ?? `exit ${status ?? signal}`}); the overlays are as they were.`);
writeImageTags(root, currentVersion(root));
