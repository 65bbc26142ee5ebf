import { builtInQueues, declaredQueue, type InstalledQueues } from '@holdfast/jobs';
import { defineQueue, type QueueDefinition } from '@holdfast/queue';
import type { QueuesSettings } from './config/settings.ts';

/**
 * The queues that there are: the built-in ones, with what the configuration says otherwise, those that modules and files of
 * the installation bring along, and those that only the configuration knows.
 */
export function queueDefinitions(
  { byName, disabled }: QueuesSettings,
  broughtAlong: readonly QueueDefinition[],
): InstalledQueues {
  const enabled: readonly QueueDefinition[] = [...builtInQueues, ...broughtAlong].filter(
    ({ name }) => !disabled.includes(name),
  );
  const inCode = enabled.map((definition) => {
    const { retention, ...overrides } = byName[definition.name] ?? {};
    return defineQueue({
      ...definition,
      ...overrides,
      retention: { ...definition.retention, ...retention },
    });
  });
  const declared = Object.entries(byName).flatMap(([name, { delivery, ...queue }]) =>
    delivery === undefined ? [] : [declaredQueue(name, queue)],
  );
  return [...inCode, ...declared];
}

/** The names that a queue of the installation cannot have, each with what has it. */
export function namesOfOthers(
  { byName }: QueuesSettings,
  ofModules: readonly QueueDefinition[],
): ReadonlyMap<string, string> {
  const inCode = [...builtInQueues, ...ofModules].map(({ name }) => [name, 'a queue of Holdfast itself'] as const);
  const declared = Object.keys(byName)
    .filter((name) => byName[name]?.delivery !== undefined)
    .map((name) => [name, `queues.${name}.url in holdfast.yaml`] as const);
  return new Map([...inCode, ...declared]);
}
