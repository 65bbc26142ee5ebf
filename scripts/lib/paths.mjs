import { dirname, delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the repository. */
export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Where the installed tools are, among them the Node that everything runs on, whatever Node runs these scripts. */
const bin = join(root, 'node_modules', '.bin');

export const node = join(bin, 'node');

/** The environment with the installed tools first on the PATH. */
export function withTools(env = process.env) {
  return { ...env, PATH: `${bin}${delimiter}${env.PATH ?? ''}` };
}

/** The environment without them: for what replaces them. */
export function withoutTools(env = process.env) {
  const path = (env.PATH ?? '').split(delimiter).filter((directory) => directory !== bin);
  return { ...env, PATH: path.join(delimiter) };
}
