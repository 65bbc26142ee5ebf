import { outlineJson } from './json-outline.ts';
import { maxNesting } from './nesting.ts';

/** What bytes are that are said to be JSON. */
export type JsonCheck =
  | 'valid'
  /** `JSON.parse` would refuse their text, or they are not UTF-8. */
  | 'invalid'
  /** Nested deeper than `maxNesting`. */
  | 'too deep';

/**
 * Whether bytes are JSON (RFC 8259, as `JSON.parse` has it) that others can parse, without making anything of them: neither
 * a text nor a value. A value takes several times the memory of its text, and most of the time of a large write.
 */
export function checkJson(bytes: Uint8Array): JsonCheck {
  const whole = outlineJson(bytes, 0, 0);
  if (typeof whole === 'string') return 'invalid';
  return whole.depth > maxNesting ? 'too deep' : 'valid';
}
