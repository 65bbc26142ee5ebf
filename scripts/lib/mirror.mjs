/** What the mirror of a source holds, asked for once: how many items, and the id of one for an example that works. */
export async function lookAtMirror(url, source) {
  const state = await ask(`${url}/v1/sources/${source}`);
  const items = state?.lastSync ? (state.items ?? 0) : 0;
  if (items === 0) return { items };
  const page = await ask(`${url}/v1/sources/${source}/items?limit=1`);
  return { items, itemId: page?.items?.[0]?.id };
}

/** The JSON body of a GET; undefined where there is none. */
async function ask(url) {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
    return response.ok ? await response.json() : undefined;
  } catch {
    return undefined;
  }
}
