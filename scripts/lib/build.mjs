import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fail } from './fail.mjs';
import { node, root, withTools } from './paths.mjs';

/** Compiles what changed; `tsc -b` decides what that is, in about a second when it is nothing. */
export async function buildIfNeeded() {
  const template = makeTemplateIfNeeded();
  const result = spawnSync('tsc', ['-b', 'tsconfig.build.json'], { cwd: root, env: withTools(), stdio: 'inherit' });
  if (result.error !== undefined || result.status !== 0) {
    fail(`The build failed${result.error === undefined ? '' : ` (${result.error.message})`}: see the messages above.`);
  }
  await template;
}

/**
 * The template of a new embedded queue (see docs/decisions/0012), once for each version of its database. It is made from
 * the sources beside the compiler, which waits for files and for itself: it costs no time that is seen.
 */
async function makeTemplateIfNeeded() {
  const args = ['--conditions=@holdfast/source', 'packages/queue/src/embedded/make-template.ts'];
  const child = spawn(node, args, { cwd: root, stdio: ['ignore', 'ignore', 'pipe'] });
  const messages = [];
  child.stderr.on('data', (chunk) => messages.push(chunk));
  const [code] = await once(child, 'close').catch((error) => [error.message]);
  if (code === 0) return;
  console.warn(
    `The template of the embedded queue could not be made (${code}); its first start takes longer.\n${Buffer.concat(messages).toString()}`,
  );
}
