import { setTimeout as sleep } from 'node:timers/promises';

/** Resolves with true once the API is ready; with false when it is not within `timeoutMs`, or `isStopping()` says so. */
export async function untilReady(url, isStopping, timeoutMs = 60_000) {
  return until(async () => (await ask(`${url}/health/ready`))?.status === 200, isStopping, timeoutMs);
}

/** Resolves with the number of mirrored items once a first sync is through; with 0 when that takes too long. */
export async function untilSynced(url, source, isStopping, timeoutMs = 15_000) {
  let items = 0;
  await until(
    async () => {
      const state = (await ask(`${url}/v1/sources/${source}`))?.body;
      items = state?.lastSync ? (state.items ?? 0) : 0;
      return items > 0;
    },
    isStopping,
    timeoutMs,
  );
  return items;
}

/** The id of any mirrored item, to have an example that works. */
export async function anyItemId(url, source) {
  const page = await ask(`${url}/v1/sources/${source}/items?limit=1`);
  return page?.body?.items?.[0]?.id;
}

async function until(isSo, isStopping, timeoutMs) {
  const end = performance.now() + timeoutMs;
  while (!isStopping() && performance.now() < end) {
    if (await isSo()) return true;
    await sleep(50);
  }
  return false;
}

/** Status and JSON body of a GET; undefined while nobody answers. */
async function ask(url) {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    return { status: response.status, body: await response.json().catch(() => undefined) };
  } catch {
    return undefined;
  }
}
