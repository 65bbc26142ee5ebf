import type { QueueDefinition } from '@holdfast/queue';
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

/** Every queue that Holdfast brings along. */
export const builtInQueues: readonly QueueDefinition[] = [sourceSync, httpDelivery];
