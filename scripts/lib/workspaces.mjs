import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Each folder in these is a workspace. */
const areas = ['packages', 'apps', 'examples', 'infra'];

/** The folders of the workspaces of `pnpm-workspace.yaml`, relative to `root`: those that have a package.json. */
export function workspaceFolders(root) {
  const inAreas = areas
    .filter((area) => existsSync(join(root, area)))
    .flatMap((area) => readdirSync(join(root, area)).map((name) => `${area}/${name}`));
  return [...inAreas, 'benchmarks'].filter((folder) => existsSync(join(root, folder, 'package.json')));
}
