/**
 * Ends the process with a sentence when its Node is too old. What the processes import fails there with the name of a
 * missing built-in module, before a line of theirs runs; so a process asks here first and imports the rest afterwards. For
 * the same reason this file imports nothing, and is a subpath of its own.
 */

/** As in `engines` of every package.json: what undici asks for, and what has zstd and `node:sqlite` without a flag. */
export const oldestNode = '22.19';

export function requireNode(version: string = process.versions.node): void {
  if (isAtLeast(version, oldestNode)) return;
  process.stderr.write(`Holdfast needs Node ${oldestNode} or newer; this is ${version}.\n`);
  process.exit(1);
}

function isAtLeast(version: string, oldest: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = oldest.split('.').map(Number);
  return major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
}
