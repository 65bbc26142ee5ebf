import { builtInQueues, declaredQueue, type InstalledQueues } from '@holdfast/jobs';
import { defineQueue, type QueueDefinition } from '@holdfast/queue';
import type { QueuesSettings } from './config/settings.ts';

/**
 * The queues that there are: the built-in ones, with what the configuration says otherwise, those of other modules, and
 * those that only the configuration knows.
 */
export function queueDefinitions(
  { byName, disabled }: QueuesSettings,
  ofModules: readonly QueueDefinition[],
): InstalledQueues {
  const enabled: readonly QueueDefinition[] = [...builtInQueues, ...ofModules].filter(
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
