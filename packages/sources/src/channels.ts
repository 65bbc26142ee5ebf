import { channel } from 'node:diagnostics_channel';

/** What this package publishes on `node:diagnostics_channel`; it logs nothing and counts nothing by itself. */
export interface SourceChannels {
  /** One sync ended. Callers that joined a running sync do not count again. */
  'holdfast:sources:sync': SourceSyncEvent;
}

export interface SourceSyncEvent {
  readonly source: string;
  readonly outcome: 'ok' | 'failed';
  readonly durationMs: number;
  /** These four are 0 where the sync did not get that far. */
  readonly fetched: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly deleted: number;
  /** Of the error, when it failed. */
  readonly code?: string;
}

export function publishEvent<Name extends keyof SourceChannels>(name: Name, event: () => SourceChannels[Name]): void {
  const target = channel(name);
  if (target.hasSubscribers) target.publish(event());
}
