import { createRequire } from 'node:module';
import { UnsupportedError } from './errors.ts';

/** A package that only some programs need, and that those install themselves. */
export interface OptionalPeer {
  readonly name: string;
  /** What cannot be had without it; the subject of a sentence. */
  readonly neededBy: string;
}

/**
 * The file that `require` would load of it.
 *
 * @param moduleUrl the caller's `import.meta.url`: where it is looked for
 * @throws UnsupportedError with the command that installs it, where it is not there
 */
export function findPeer({ name, neededBy }: OptionalPeer, moduleUrl: string): string {
  try {
    return createRequire(moduleUrl).resolve(name);
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'MODULE_NOT_FOUND')) throw cause;
    throw new UnsupportedError(
      `${neededBy} needs the package ${name}, which is not installed: run \`npm install ${name}\`.`,
      { cause },
    );
  }
}
