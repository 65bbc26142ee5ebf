import type { QueueDefinition } from '@holdfast/queue';
import type { deliveryNotice } from './delivery-notice.ts';
import { httpDelivery } from './http-delivery.ts';
import { sourceSync } from './source-sync.ts';

export { declaredQueue } from './declared-queue.ts';
export type { DeclaredQueue } from './declared-queue.ts';
export { deliveryNotice } from './delivery-notice.ts';
export type { DeliveryNoticeData } from './delivery-notice.ts';
export { httpDelivery } from './http-delivery.ts';
export type { HttpDeliveryData } from './http-delivery.ts';
export { sourceSync } from './source-sync.ts';
export type { SourceSyncData } from './source-sync.ts';
export { sourceSyncSchedules } from './source-sync-schedules.ts';

/** Every queue that Holdfast brings along: what can be added to it. */
export const builtInQueues: readonly [typeof sourceSync, typeof httpDelivery] = [sourceSync, httpDelivery];

/** What `Handlers` has to have for them: also the jobs that only Holdfast adds. */
export type BuiltInJobs = readonly [...typeof builtInQueues, typeof deliveryNotice];

/** The queues of an installation: some of those, and the ones that only its configuration knows, with any name and any data. */
export type InstalledQueues = readonly ((typeof builtInQueues)[number] | QueueDefinition)[];
