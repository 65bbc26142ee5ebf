import { registerHooks } from 'node:module';

/**
 * What the files of an installation may import without installing it. Of the queue there is one copy, that of this process:
 * its errors (`PermanentError`) are known by their class. TypeBox may be theirs, since a schema is data.
 */
const always = /^@holdfast\/queue(\/|$)/;
const whereMissing = /^typebox(\/|$)/;

let isRegistered = false;

/**
 * From now on, files anywhere on the disk find these packages as this one does. Everything else resolves as ever. It holds
 * for this thread only: see `register-shared-packages.ts`.
 */
export function sharePackages(): void {
  if (isRegistered) return;
  isRegistered = true;
  registerHooks({
    resolve(specifier, context, next) {
      // What is resolved for this file is the answer to one of the questions below.
      if (context.parentURL === import.meta.url) return next(specifier, context);
      if (always.test(specifier)) return { url: import.meta.resolve(specifier), shortCircuit: true };
      try {
        const found = next(specifier, context);
        // A folder without a package.json says nothing of its modules; of TypeScript there is only one kind worth guessing.
        if (found.format == null && found.url.endsWith('.ts')) return { ...found, format: 'module-typescript' };
        return found;
      } catch (error) {
        if (!whereMissing.test(specifier) || !isNotFound(error)) throw error;
        return { url: import.meta.resolve(specifier), shortCircuit: true };
      }
    },
  });
}

function isNotFound(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND';
}
