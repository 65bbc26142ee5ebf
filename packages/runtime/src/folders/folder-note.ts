import type { DataVolume } from '@holdfast/config';

/** What Redis is told of the data folder of a process, so that somebody knows of it when that process is gone. */
export interface FolderNote {
  /** Of the folder, wherever it is mounted. */
  readonly id: string;
  readonly host: string;
  /** As its process sees it. */
  readonly path: string;
  readonly volume: DataVolume;
  /** When the process that notes it has found its folder well; by the clock of Redis, as all times here. */
  readonly since: number;
  /** When the process said so for the last time. */
  readonly aliveAt: number;
  /** What lay in it by then for a Redis that is away: jobs, and what caches have to tell. What came later is not known here. */
  readonly waiting: number;
}

/** As it stands under the id of its folder. */
export function encodeNote({ id: _id, ...note }: FolderNote): string {
  return JSON.stringify(note);
}

/** `undefined` for what is no note, be it by a later version. */
export function decodeNote(id: string, text: string): FolderNote | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { host, path, volume, since, aliveAt, waiting } = value as Record<string, unknown>;
  const known = volumeOf(volume);
  if (typeof host !== 'string' || typeof path !== 'string' || known === undefined) return undefined;
  if (typeof since !== 'number' || typeof aliveAt !== 'number' || typeof waiting !== 'number') return undefined;
  return { id, host, path, volume: known, since, aliveAt, waiting };
}

/** A process says three times in so many milliseconds that it lives: one that does not is gone. */
export const silentAfterMs = 180_000;

/** Whether its process is gone. One that ends with an empty folder removes its note. */
export function isAbandoned({ aliveAt }: FolderNote, now: number, silentMs: number): boolean {
  return now - aliveAt > silentMs;
}

function volumeOf(value: unknown): DataVolume | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { kind, claim } = value as Record<string, unknown>;
  if (kind === 'disk' || kind === 'ephemeral') return { kind };
  return kind === 'claim' && typeof claim === 'string' ? { kind, claim } : undefined;
}
