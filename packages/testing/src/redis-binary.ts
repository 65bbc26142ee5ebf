import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The path of `redis-server` or, without one, of `valkey-server`. Throws with what to install when there is neither. */
export function findRedisBinary(): string {
  for (const name of ['redis-server', 'valkey-server']) {
    for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
      const candidate = join(directory, name);
      if (isExecutable(candidate)) return candidate;
    }
  }
  throw new Error(
    'These tests need a real Redis: install redis-server or valkey-server, or set TEST_REDIS_URL (`npm test` finds or installs one).',
  );
}

/**
 * Loopback only, nothing on disk, all files in `directory`; `extra` comes last and so wins. Where a test asks for an AOF,
 * it has what Redis answered, and waits for no disk: `everysec`, the default of Redis, keeps up to 2 s of it in the memory of the
 * process while the disk is busy, which a SIGKILL loses.
 */
export function serverArguments(port: number, directory: string, extra: readonly string[] = []): string[] {
  const fixed = ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory];
  return [...fixed, '--save', '', '--appendonly', 'no', '--appendfsync', 'no', '--daemonize', 'no', ...extra];
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
