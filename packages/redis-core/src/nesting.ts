/**
 * Levels of arrays and objects in JSON that is taken from outside. JSON.parse reads any number; whatever walks the value
 * after it (JSON.stringify, a schema, PostgreSQL) needs stack for each level, and ends the call, or the process, where
 * there is none left.
 */
export const maxNesting = 200;

export const nestingRule: string = `must not be nested deeper than ${maxNesting} levels`;

const quote = 0x22;
const backslash = 0x5c;

/** Whether a JSON text is nested deeper than `maxNesting`. Without recursion, and at once for a text that is too short for it. */
export function isNestedTooDeep(json: string): boolean {
  // Each level has two brackets.
  if (json.length <= 2 * maxNesting) return false;
  let depth = 0;
  for (let at = 0; at < json.length; at += 1) {
    const code = json.charCodeAt(at);
    if (code === quote) {
      at = endOfText(json, at);
    } else if (code === 0x5b || code === 0x7b) {
      depth += 1;
      if (depth > maxNesting) return true;
    } else if (code === 0x5d || code === 0x7d) {
      depth -= 1;
    }
  }
  return false;
}

/**
 * The value as JSON; `undefined` where it is none, such as a function.
 *
 * @throws RangeError for one that is nested deeper than `maxNesting`, TypeError for a cycle or a BigInt
 */
export function toBoundedJson(value: unknown): string | undefined {
  let json: string | undefined;
  try {
    json = JSON.stringify(value);
  } catch (error) {
    // The stack ended. How deep that is, depends on what has been called before.
    if (error instanceof RangeError) throw new RangeError(nestingRule, { cause: error });
    throw error;
  }
  if (json !== undefined && isNestedTooDeep(json)) throw new RangeError(nestingRule);
  return json;
}

/** Where the text that begins at `start` has its closing quote. */
function endOfText(json: string, start: number): number {
  for (let at = json.indexOf('"', start + 1); at !== -1; at = json.indexOf('"', at + 1)) {
    let backslashes = 0;
    while (json.charCodeAt(at - 1 - backslashes) === backslash) backslashes += 1;
    if (backslashes % 2 === 0) return at;
  }
  return json.length;
}
