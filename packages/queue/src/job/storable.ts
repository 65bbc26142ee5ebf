/**
 * PostgreSQL, which the embedded queue is on, stores neither U+0000 nor half of a surrogate pair. A result or an error
 * with one in it could never be handed in: its job would run again and again, although it was done.
 */
const unstorable = /\0|\p{Surrogate}/gu;
/** The same in JSON, where they stand as escapes. */
const escaped = /\\u(?:0000|d[89a-f])/i;

/** The text with U+FFFD for what cannot be stored. */
export function storableText(text: string): string {
  return text.replaceAll(unstorable, '\uFFFD');
}

/** The same for all texts, also names, in what a handler has returned. What holds none of it stays the same object. */
export function storableResult(result: unknown): unknown {
  const json = jsonOf(result);
  // What is no JSON is left to BullMQ, which makes a failure of it.
  if (json === undefined || !escaped.test(json)) return result;
  return deeplyStorable(JSON.parse(json));
}

function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

/** @param value made by `JSON.parse` */
function deeplyStorable(value: unknown): unknown {
  if (typeof value === 'string') return storableText(value);
  if (Array.isArray(value)) return value.map(deeplyStorable);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [storableText(name), deeplyStorable(item)]));
}
