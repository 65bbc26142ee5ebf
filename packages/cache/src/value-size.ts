/** Of a machine with 64 bits and Node, which does not compress pointers. */
const POINTER_BYTES = 8;
const OBJECT_BYTES = 24;
const LIST_BYTES = 48;
const STRING_BYTES = 16;
const NUMBER_BYTES = 16;

/**
 * About what a value takes of the heap: a tree of plain data, as JSON makes them. What is stored in slots (Map, Set, Date)
 * is not looked into.
 */
export function heapBytesOf(value: unknown): number {
  if (typeof value === 'string') return STRING_BYTES + Math.ceil(value.length / POINTER_BYTES) * POINTER_BYTES;
  // Small integers stand in the place of a pointer.
  if (typeof value === 'number') return Number.isInteger(value) && Math.abs(value) < 2 ** 31 ? 0 : NUMBER_BYTES;
  if (typeof value !== 'object' || value === null) return 0;
  if (ArrayBuffer.isView(value)) return OBJECT_BYTES + value.byteLength;
  let bytes = Array.isArray(value) ? LIST_BYTES : OBJECT_BYTES;
  for (const item of Array.isArray(value) ? (value as unknown[]) : Object.values(value)) {
    bytes += POINTER_BYTES + heapBytesOf(item);
  }
  return bytes;
}
