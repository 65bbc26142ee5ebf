import { httpDelivery } from '@holdfast/jobs';
import type { QueuesSettings } from './settings.ts';

/** Notes who is told of no failed job, because the queue that would deliver that is turned off. */
export function warnOfUntold(
  {
    webhookUrl,
    byName,
    disabled,
  }: Pick<QueuesSettings, 'byName' | 'disabled'> & { readonly webhookUrl: string | undefined },
  warnings: string[],
): void {
  if (!disabled.includes(httpDelivery.name)) return;
  const untold = Object.keys(byName)
    .filter((name) => byName[name]?.delivery?.failureUrl !== undefined)
    .map((name) => `queues.${name}.failureUrl`);
  if (webhookUrl !== undefined) untold.unshift('WEBHOOK_URL');
  if (untold.length > 0) {
    warnings.push(`queues.http-delivery is turned off: nothing is told to ${untold.join(', ')} when a job has failed`);
  }
}
