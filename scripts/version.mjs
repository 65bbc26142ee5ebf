/** Turns the changesets into versions and changelogs, and has the overlays name the images of that version. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeImageTags } from './lib/image-tags.mjs';
import { root, withTools } from './lib/paths.mjs';

const { status } = spawnSync('changeset', ['version'], { cwd: root, env: withTools(), stdio: 'inherit' });
if (status === 0) writeImageTags(root, JSON.parse(readFileSync(join(root, 'apps/api/package.json'), 'utf8')).version);
process.exitCode = status ?? 1;
