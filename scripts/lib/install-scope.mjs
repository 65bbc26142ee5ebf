/** Workspaces of which the service runs nothing: tests of what lies beside it, with their linters and generators, and benchmarks. */
export const toolWorkspaces = ['infra/*', 'benchmarks'];

const everything = 'everything';

/**
 * What has to be installed, by the stamp of the last completed installation (`undefined`: there was none): `nothing`, `service`,
 * which leaves `toolWorkspaces` out, or `everything`. `print` is the hash of the manifests of now, `onlyToRun` whether the
 * caller needs the service alone. Who has the tools keeps them.
 */
export function scopeToInstall(stamp, print, onlyToRun) {
  const [installed, scope] = stamp?.trim().split(' ') ?? [];
  const hasTools = scope === everything;
  if (installed === print && (onlyToRun || hasTools)) return 'nothing';
  return onlyToRun && !hasTools ? 'service' : everything;
}

/** The stamp of an installation that was completed. */
export function stampOf(print, scope) {
  return `${print} ${scope}\n`;
}
