/** What another producer or worker stored need not be JSON; it is then shown as it is. */
export function parseStored(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
