/** How many entries each namespace has, as the processes share it: JSON under `keys.sizes('counts')`. */
export interface SizeCounts {
  /** Milliseconds since the epoch. */
  readonly countedAt: number;
  readonly entries: ReadonlyMap<string, number>;
  /** Made from a sample. */
  readonly isEstimate: boolean;
}

export function encodeCounts({ countedAt, entries, isEstimate }: SizeCounts): string {
  return JSON.stringify({ countedAt, entries: Object.fromEntries(entries), ...(isEstimate ? { isEstimate } : {}) });
}

/** `undefined` for what makes no sense. */
export function decodeCounts(stored: Buffer): SizeCounts | undefined {
  try {
    const parsed: unknown = JSON.parse(stored.toString());
    if (!isCounts(parsed)) return undefined;
    const entries = Object.entries(parsed.entries).filter((entry): entry is [string, number] => {
      return typeof entry[1] === 'number';
    });
    return { countedAt: parsed.countedAt, entries: new Map(entries), isEstimate: 'isEstimate' in parsed };
  } catch {
    return undefined;
  }
}

function isCounts(value: unknown): value is { readonly countedAt: number; readonly entries: object } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'countedAt' in value &&
    typeof value.countedAt === 'number' &&
    'entries' in value &&
    typeof value.entries === 'object' &&
    value.entries !== null
  );
}
