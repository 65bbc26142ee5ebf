import type { ProblemList } from '@holdfast/config/part';

/** Notes what WORKER_QUEUES names and what no worker can serve. */
export function checkServed(
  chosen: readonly string[] | undefined,
  { known, disabled }: { readonly known: readonly string[]; readonly disabled: readonly string[] },
  problems: ProblemList,
): void {
  const enabled = [...new Set(known)].filter((name) => !disabled.includes(name));
  if (chosen === undefined || chosen.every((name) => enabled.includes(name))) return;
  const isOff = chosen.some((name) => disabled.includes(name));
  const problem = isOff ? 'names a queue that is turned off (enabled: false)' : 'names a queue that there is not';
  problems.add('WORKER_QUEUES', problem, enabled.join(', '));
}
