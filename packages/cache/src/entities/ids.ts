import { encodeKeyPart, InvalidKeyError } from '@holdfast/redis-core';

/** With the longest type name and a colon before it, it still fits into a tag. */
const MAX_ID_BYTES = 190;

/** @throws InvalidKeyError for an id that cannot be a key and, behind its type, a tag */
export function checkId(id: string): void {
  encodeKeyPart(id, 'id');
  const bytes = Buffer.byteLength(id);
  if (bytes > MAX_ID_BYTES) {
    const message = `must have at most ${MAX_ID_BYTES} bytes, not ${bytes}`;
    throw new InvalidKeyError(`The id ${message}.`, { issues: [{ path: 'id', message }] });
  }
}

/** The ids in a field: a text, a number, or an array of these. Whatever else it holds names nothing. */
export function idsIn(value: unknown): string[] {
  return (Array.isArray(value) ? value : [value]).flatMap((item: unknown) => {
    const id = typeof item === 'number' && Number.isFinite(item) ? String(item) : item;
    return typeof id === 'string' && isId(id) ? [id] : [];
  });
}

function isId(id: string): boolean {
  try {
    checkId(id);
    return true;
  } catch {
    return false;
  }
}
