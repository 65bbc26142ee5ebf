import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from '../documents/pages.ts';

const run = promisify(execFile);

/** Runs the pnpm of this repository, which has installed it and is therefore there. Rejects with what it said. */
export async function pnpm(args: readonly string[]): Promise<string> {
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { packageManager: string };
  try {
    const { stdout } = await run('npx', ['--yes', '--prefer-offline', packageManager, ...args], {
      cwd: root,
      env: { ...process.env, CI: 'true', NO_PROXY: '127.0.0.1' },
      maxBuffer: 64 * 1024 * 1024,
    });
    return stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { readonly stdout?: string; readonly stderr?: string };
    throw new Error(`pnpm ${args.join(' ')} failed:\n${stdout}\n${stderr}`, { cause: error });
  }
}

/** Where pnpm keeps what it has downloaded for this repository. */
export function storeDirectory(): string {
  const modules = readFileSync(join(root, 'node_modules/.modules.yaml'), 'utf8');
  const [, directory] = /"?storeDir"?: "?([^"\n]+)/.exec(modules) ?? [];
  if (directory === undefined)
    throw new Error('node_modules/.modules.yaml names no store: was this installed by pnpm?');
  return directory;
}
