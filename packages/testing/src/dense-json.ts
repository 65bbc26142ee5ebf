/** JSON of about so many bytes, of each kind that is known to cost much more than its bytes. */
export const denseKinds: Readonly<Record<string, (bytes: number) => string>> = {
  'empty lists': (bytes) => list(bytes, () => '[]'),
  'empty objects': (bytes) => list(bytes, () => '{}'),
  'lists of a number': (bytes) => list(bytes, () => '[1]'),
  'nested lists': (bytes) => list(bytes, () => '[[[[[[]]]]]]'),
  'nested objects': (bytes) => list(bytes, () => '{"a":{"a":{"a":{}}}}'),
  'objects of one name each': (bytes) => list(bytes, (n) => `{"k${n}":1}`),
  names: (bytes) => object(bytes, (n) => `"${n.toString(36)}":1`),
  'numeric names': (bytes) => object(bytes, (n) => `"${n * 7919}":1`),
  numbers: (bytes) => list(bytes, () => '1'),
  'short texts': (bytes) => list(bytes, (n) => `"${n.toString(36)}"`),
  points: (bytes) => list(bytes, (n) => `{"x":${n % 10},"y":2}`),
  escapes: (bytes) => `"${'\\u00e9'.repeat(bytes / 6)}"`,
  'one text': (bytes) => `"${'x'.repeat(bytes - 2)}"`,
  levels: (bytes) => '['.repeat(bytes / 2) + ']'.repeat(bytes / 2),
  'half of a list': (bytes) => list(bytes, () => '{"a":[1,"b"]}').slice(0, -1),
};

function list(bytes: number, item: (n: number) => string): string {
  return `[${joined(bytes, item)}]`;
}

function object(bytes: number, member: (n: number) => string): string {
  return `{${joined(bytes, member)}}`;
}

/** By comma, up to so many bytes. */
export function joined(bytes: number, part: (n: number) => string): string {
  const parts: string[] = [];
  let length = 2;
  for (let n = 0; ; n += 1) {
    const next = part(n);
    if (length + next.length + 1 > bytes) return parts.join(',');
    parts.push(next);
    length += next.length + 1;
  }
}
