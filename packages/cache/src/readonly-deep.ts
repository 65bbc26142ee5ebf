/** What freezing leaves as it is: their state lies in slots of their own, and each reader gets one of its own. */
type KeptApart =
  | ((...args: never[]) => unknown)
  | ArrayBuffer
  | ArrayBufferView
  | Date
  | Error
  | Map<unknown, unknown>
  | RegExp
  | Set<unknown>
  | URL;

/**
 * A value as it is read from the cache: plain data is frozen all the way down, as it is shared with other readers; dates, maps,
 * sets and bytes in it are not.
 */
export type ReadonlyDeep<Value> = unknown extends Value
  ? Value
  : Value extends KeptApart
    ? Value
    : Value extends object
      ? { readonly [Key in keyof Value]: ReadonlyDeep<Value[Key]> }
      : Value;
