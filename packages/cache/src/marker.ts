/**
 * What stands under a key while somebody loads it: `HFL<token:8>`; and for a moment after that loader has failed:
 * `HFE<token:8><message>`, so that those who wait get the error. Neither is an entry: for readers both are a miss.
 */
export type Marker =
  | { readonly kind: 'loading'; readonly token: string }
  | { readonly kind: 'failed'; readonly token: string; readonly message: string };

const TOKEN_END = 11;

export function loadingMarker(token: string): string {
  return `HFL${token}`;
}

/** The marker in `stored`, or `null` where it is something else. */
export function decodeMarker(stored: Buffer): Marker | null {
  if (stored.length < TOKEN_END) return null;
  const head = stored.toString('latin1', 0, TOKEN_END);
  const token = head.slice(3);
  if (head.startsWith('HFL')) return { kind: 'loading', token };
  return head.startsWith('HFE') ? { kind: 'failed', token, message: stored.toString('utf8', TOKEN_END) } : null;
}
