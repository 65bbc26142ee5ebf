import { fileURLToPath } from 'node:url';

/**
 * Where Node keeps what it has compiled, by the content of each file: a run starts some hundred processes of the same files,
 * and each would spend a third of a second of processor time on their types and their code.
 */
export const compileCache = fileURLToPath(new URL('../../../node_modules/.cache/holdfast-compiled', import.meta.url));
