import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { queueName } from '../config/queue-name.ts';
import { handlerFiles, isInstalledTypeScript, targetOf } from './handler-files.ts';

/** A queue of the installation: what it is, and what runs its jobs. Absolute paths. */
export interface QueuePair {
  readonly name: string;
  /** Its default export is the definition. Imported by every process. */
  readonly queueFile: string;
  /** Its default export is the handler. Imported by the worker only. */
  readonly handlerFile: string;
}

export interface QueuePairs {
  /** Of all queues that have a file, also of those that are off or not whole. */
  readonly names: readonly string[];
  readonly pairs: readonly QueuePair[];
  /** What is wrong, a sentence each, with the file. Of what is wrong there is no pair. */
  readonly problems: readonly string[];
}

interface Found {
  readonly queue: string[];
  readonly handler: string[];
}

/**
 * The pairs that `handlers` of holdfast.yaml names. Files are looked for and none is read.
 *
 * @param directory where relative entries begin, and packages are looked for: that of the file
 * @param disabled queues that are off, of which nothing but the name matters
 */
export function findQueuePairs(
  handlers: readonly string[],
  { directory, disabled }: { readonly directory: string; readonly disabled: readonly string[] },
): QueuePairs {
  const problems: string[] = [];
  const byName = new Map<string, Found>();
  const seen = new Set<string>();
  for (const entry of handlers) {
    const { files, problem } = handlerFiles(entry, directory);
    if (problem !== undefined) problems.push(problem);
    for (const file of files) {
      // What Kubernetes mounts is there twice: a link, and what it leads to.
      const real = targetOf(file);
      if (seen.has(real)) continue;
      seen.add(real);
      const [, name = '', part] = /^(.*)\.(queue|handler)\.[cm]?[jt]s$/.exec(basename(file)) ?? [];
      const found = byName.get(name) ?? { queue: [], handler: [] };
      byName.set(name, found);
      found[part === 'queue' ? 'queue' : 'handler'].push(file);
    }
  }
  const pairs: QueuePair[] = [];
  for (const [name, found] of byName) {
    if (disabled.includes(name)) continue;
    const wrong = [...problemsOf(name, found)];
    problems.push(...wrong);
    const [queueFile] = found.queue;
    const [handlerFile] = found.handler;
    if (wrong.length === 0 && queueFile !== undefined && handlerFile !== undefined) {
      pairs.push({ name, queueFile, handlerFile });
    }
  }
  return { names: [...byName.keys()], pairs, problems };
}

function* problemsOf(name: string, { queue, handler }: Found): Generator<string> {
  const [first = ''] = [...queue, ...handler];
  if (!queueName.test(name)) yield `${first}: the name of a queue has lower-case letters, digits and "-", 64 at most`;
  for (const file of [...queue, ...handler]) {
    if (!existsSync(file)) yield `${file} is a link that leads nowhere`;
  }
  for (const file of [...queue, ...handler].filter(isInstalledTypeScript)) {
    yield `${file} is TypeScript below node_modules, where Node does not run it: an installed package has to ship JavaScript`;
  }
  for (const files of [queue, handler]) {
    const [one, other] = files;
    if (other !== undefined) yield `${other}: the name is that of ${one} already`;
  }
  if (handler.length === 0) yield `${first} has no ${name}.handler.ts: nothing would run its jobs`;
  if (queue.length === 0) yield `${first} has no ${name}.queue.ts: nothing says what its jobs are`;
}
