import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { node, root } from './paths.mjs';

/**
 * Makes the template of a new embedded queue (docs/decisions/0012), once for each version of its database. It comes from
 * the sources, so it can be made while they are compiled. Only for who opens many new folders: it takes 3.6 s of a core,
 * and saves 2.4 s each time, so a first `npm start` is as fast without.
 */
export async function makeTemplateIfNeeded() {
  const file = 'packages/queue/src/embedded/make-template.ts';
  const child = spawn(node, ['--liftoff-only', '--conditions=@holdfast/source', file], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const messages = [];
  child.stderr.on('data', (chunk) => messages.push(chunk));
  const [code] = await once(child, 'close').catch((error) => [error.message]);
  if (code === 0) return;
  const said = Buffer.concat(messages).toString();
  console.warn(
    `The template of the embedded queue could not be made (${code}); each first start takes longer.\n${said}`,
  );
}
