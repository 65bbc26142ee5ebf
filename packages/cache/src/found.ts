import type { Entry } from './entry.ts';
import { decodeMarker, type Marker } from './marker.ts';
import { decodeEntry } from './stored-entry.ts';

/** What is under a key: an entry, the marker of a load, something foreign, or nothing. */
export type Found =
  | { readonly kind: 'entry'; readonly entry: Entry }
  | { readonly kind: 'marker'; readonly marker: Marker }
  | { readonly kind: 'foreign' }
  | { readonly kind: 'nothing' };

export const nothing: Found = { kind: 'nothing' };
export const foreign: Found = { kind: 'foreign' };

/** Never throws. */
export function decodeFound(stored: Buffer | null): Found {
  if (stored === null) return nothing;
  const entry = decodeEntry(stored);
  if (entry !== null) return { kind: 'entry', entry };
  const marker = decodeMarker(stored);
  return marker === null ? foreign : { kind: 'marker', marker };
}
