import type { EnvironmentValues } from './environment.ts';
import type { DisabledParts, QueueConfig } from './types.ts';

export interface ConfiguredParts {
  readonly values: EnvironmentValues;
  readonly queues: Readonly<Record<string, QueueConfig>>;
  readonly sources: Readonly<Record<string, unknown>>;
  readonly disabled: DisabledParts;
}

/** What does not happen because the queue that it needs is turned off. */
export function warningsOfDisabled({ values, queues, sources, disabled }: ConfiguredParts): string[] {
  const warnings: string[] = [];
  if (disabled.queues.includes('source-sync') && Object.keys(sources).length > 0) {
    warnings.push(
      'queues.source-sync is turned off: no source is synced any more, and sources answer with what they hold',
    );
  }
  if (!disabled.queues.includes('http-delivery')) return warnings;
  const untold = Object.keys(queues)
    .filter((name) => queues[name]?.delivery?.failureUrl !== undefined)
    .map((name) => `queues.${name}.failureUrl`);
  if (values.WEBHOOK_URL !== undefined) untold.unshift('WEBHOOK_URL');
  if (untold.length > 0) {
    warnings.push(`queues.http-delivery is turned off: nothing is told to ${untold.join(', ')} when a job has failed`);
  }
  return warnings;
}
