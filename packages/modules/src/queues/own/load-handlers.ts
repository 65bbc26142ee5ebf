import type { Handler, ThreadHandler } from '@holdfast/queue';
import { importDefault } from './import-default.ts';
import { OwnQueuesError } from './own-queues-error.ts';
import type { QueuePair } from './queue-pairs.ts';

// Beside this file, in the sources and in what is built of them.
const register = new URL(
  import.meta.url.endsWith('.ts') ? './register-shared-packages.ts' : './register-shared-packages.js',
  import.meta.url,
);

/**
 * The handlers of the pairs, by queue. Imports their `*.handler.*` files, so only a worker calls it.
 *
 * @throws OwnQueuesError with everything that is wrong with the files
 */
export async function loadHandlers(
  pairs: readonly QueuePair[],
): Promise<Readonly<Record<string, Handler | ThreadHandler>>> {
  const byQueue: Record<string, Handler | ThreadHandler> = {};
  const problems: string[] = [];
  const outcomes = await Promise.all(pairs.map(async ({ handlerFile }) => loadHandler(handlerFile)));
  for (const [at, { name }] of pairs.entries()) {
    const outcome = outcomes[at];
    if (typeof outcome === 'string') problems.push(outcome);
    else if (outcome !== undefined) byQueue[name] = outcome;
  }
  if (problems.length > 0) throw new OwnQueuesError(problems);
  return byQueue;
}

/** What is wrong, in a sentence, where something is. */
async function loadHandler(file: string): Promise<Handler | ThreadHandler | string> {
  const imported = await importDefault(file);
  if ('problem' in imported) return imported.problem;
  const { value } = imported;
  if (typeof value === 'function') return value as Handler;
  if (isThreadHandler(value)) return { ...value, preload: [register, ...[value.preload ?? []].flat()] };
  return `${file}: its default export is no handler; export default a function of the job, or { thread: URL }`;
}

function isThreadHandler(value: unknown): value is ThreadHandler {
  return typeof value === 'object' && value !== null && 'thread' in value && value.thread instanceof URL;
}
