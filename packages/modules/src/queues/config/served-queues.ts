import type { ProblemList } from '@holdfast/config/part';
import { builtInQueueNames } from './built-in-queues.ts';

/** Notes what WORKER_QUEUES names and what no worker can serve. */
export function checkServed(
  chosen: readonly string[] | undefined,
  { declared, disabled }: { readonly declared: readonly string[]; readonly disabled: readonly string[] },
  problems: ProblemList,
): void {
  const known = [...new Set([...builtInQueueNames, ...declared])].filter((name) => !disabled.includes(name));
  if (chosen === undefined || chosen.every((name) => known.includes(name))) return;
  const isOff = chosen.some((name) => disabled.includes(name));
  const problem = isOff ? 'names a queue that is turned off (enabled: false)' : 'names a queue that there is not';
  problems.add('WORKER_QUEUES', problem, known.join(', '));
}
