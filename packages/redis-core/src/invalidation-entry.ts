/** Something that has to be invalidated in Redis as soon as it is back. */
export interface Invalidation {
  /** What it belongs to, and what overflows by itself: a namespace. */
  readonly area: string;
  /** What `value` names; for `all` it is the empty string. */
  readonly kind: 'key' | 'tag' | 'prefix' | 'all';
  readonly value: string;
  /** `delete`: must not be served again. `expire`: stale from now on. Of two for the same, `delete` wins. */
  readonly mode: 'delete' | 'expire';
}

export interface JournalEntry extends Invalidation {
  /** Grows with each append; what is appended again gets a new one. */
  readonly id: number;
}
