import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A folder with a `redis-server` that runs in a container, for a machine that has Docker and no Redis: tests that kill or
 * freeze a server start their own. With the network and the process ids of the host it behaves like a local one, so the
 * fixtures need to know nothing of it.
 */
export function createLauncher(image) {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-launcher-'));
  const script = `#!/bin/sh
dir=/tmp
previous=
for argument in "$@"; do
  [ "$previous" = --dir ] && dir=$argument
  previous=$argument
done
exec docker run --rm --network host --pid host --user "$(id -u):$(id -g)" -v "$dir:$dir" --entrypoint redis-server ${image} "$@"
`;
  writeFileSync(join(directory, 'redis-server'), script, { mode: 0o755 });
  return { directory, remove: () => rmSync(directory, { recursive: true, force: true }) };
}
