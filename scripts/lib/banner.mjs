const modes = {
  embedded: 'embedded: no Redis, one process, jobs on disk',
  redis: 'redis: API and worker as two processes',
  upstash: 'upstash: API and worker as two processes',
};

/** What is shown when everything runs. */
export function banner({ url, mode, upstream, isSample, items, itemId, hasApiKeys, seconds, dataDir }) {
  const key = hasApiKeys ? ' -H "Authorization: Bearer $HOLDFAST_KEY"' : '';
  const mirrored = items > 0 ? `${items} instances mirrored` : 'the first sync is still running';
  return `
  Holdfast is ready after ${seconds.toFixed(1)} s

    address   ${url}
    docs      ${url}/docs
    mode      ${modes[mode] ?? mode}${mode === 'embedded' ? ` (${dataDir})` : ''}
    upstream  ${upstream}${isSample ? ' (the sample upstream; set NOVITA_API_BASE_URL for a real one)' : ''}
              ${hasApiKeys ? 'mirrored in the background' : mirrored}

  Try:

    curl${key} ${url}/v1/sources/instances/items/${itemId ?? '<id>'}
    curl${key} -X PUT -H 'Content-Type: application/json' -d '{"hello":"world"}' '${url}/v1/cache/api-responses/greeting?ttl=5m' && curl${key} ${url}/v1/cache/api-responses/greeting
    curl${key} -X POST ${url}/v1/sources/instances/sync

  Ctrl-C stops everything.
`;
}
