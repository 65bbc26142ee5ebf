import { isNestedTooDeep } from '@holdfast/redis-core';

/** What another producer or worker stored need not be JSON, or be nested so deep that nobody can write it again; it is then shown as it is. */
export function parseStored(text: string): unknown {
  try {
    return isNestedTooDeep(text) ? text : (JSON.parse(text) as unknown);
  } catch {
    return text;
  }
}
