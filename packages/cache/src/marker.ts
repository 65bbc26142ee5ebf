/**
 * What stands for a load. Under the key of what is missing: `HFL<token:8>` while somebody loads it, and for a moment after
 * that loader has failed `HFE<token:8><message>`, so that those who wait get the error. Neither is an entry: for readers
 * both are a miss. Under the lease's own key, where an entry is loaded anew, with the rev of that entry:
 * `HFL<token:8><rev:8>`, then `HFR<token:8><rev:8><message>` for those who wait, or `HFT<token:8><rev:8><message>` where
 * there was something to serve: then nobody loads for a while.
 */
export type Marker =
  | { readonly kind: 'loading'; readonly token: string }
  | { readonly kind: 'failed'; readonly token: string; readonly message: string };

const TOKEN_END = 11;
const REV_END = 19;
const MAX_MESSAGE = 500;

export function loadingMarker(token: string): string {
  return `HFL${token}`;
}

/** What a loader that failed leaves in the place of its lease; `rev` where that is a key of its own. */
export function failureLeft(
  { message, as }: { readonly message: string; readonly as: 'told' | 'throttled' },
  token: string,
  rev: string | undefined,
): string {
  const kind = rev === undefined ? 'HFE' : as === 'told' ? 'HFR' : 'HFT';
  return kind + token + (rev ?? '') + message.slice(0, MAX_MESSAGE);
}

/** The marker in `stored`, or `null` where it is something else. */
export function decodeMarker(stored: Buffer): Marker | null {
  if (stored.length < TOKEN_END) return null;
  const kind = stored.toString('latin1', 0, 3);
  const token = stored.toString('latin1', 3, TOKEN_END);
  switch (kind) {
    case 'HFL':
      return { kind: 'loading', token };
    case 'HFE':
      return { kind: 'failed', token, message: stored.toString('utf8', TOKEN_END) };
    case 'HFR':
    case 'HFT':
      return { kind: 'failed', token, message: stored.toString('utf8', REV_END) };
    default:
      return null;
  }
}
