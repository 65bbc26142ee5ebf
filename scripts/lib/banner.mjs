const modes = {
  embedded: 'embedded: no Redis, one process, jobs on disk',
  redis: 'redis: API and worker as two processes',
  upstash: 'upstash: API and worker as two processes',
};

/** What is shown when everything runs. */
export function banner(about) {
  const { url, mode, sources, upstream, itemId, hasApiKeys, seconds, dataDir, away } = about;
  const key = hasApiKeys ? ' -H "Authorization: Bearer $HOLDFAST_KEY"' : '';
  const mirrors = upstream !== null && sources.includes('instances');
  const redis =
    away === null
      ? ''
      : `\n    redis     away: ${away}\n              the cache answers from memory, and jobs are kept on disk until it is back`;
  return `
  Holdfast is ready after ${seconds.toFixed(1)} s

    address   ${url}
    docs      ${url}/docs
    board     ${url}/admin/queues${hasApiKeys ? ' (the password is a key with the scope admin)' : ''}
    mode      ${modes[mode] ?? mode}${mode === 'embedded' ? ` (${dataDir})` : ''}${redis}
    upstream  ${upstreamLines({ ...about, mirrors })}

  Try:

${mirrors ? `    curl${key} ${url}/v1/sources/instances/items/${itemId ?? '<id>'}\n` : ''}    curl${key} -X PUT -H 'Content-Type: application/json' -d '{"hello":"world"}' '${url}/v1/cache/api-responses/greeting?ttl=5m' && curl${key} ${url}/v1/cache/api-responses/greeting
${mirrors ? `    curl${key} -X POST ${url}/v1/sources/instances/sync\n` : ''}
  Ctrl-C stops everything.
`;
}

/** What is mirrored from where, or why nothing is. */
function upstreamLines({ upstream, isSample, sources, mirrors, items, hasApiKeys, away }) {
  if (sources.length === 0) return 'none: no source is turned on';
  if (upstream === null) return 'none: nothing is mirrored; set NOVITA_API_BASE_URL to the API to mirror';
  const where = `${upstream}${isSample ? ' (the sample upstream; set NOVITA_API_BASE_URL for a real one)' : ''}`;
  const isLookedAt = mirrors && !hasApiKeys;
  const later = away === null ? 'the first sync is still running' : 'mirrored when Redis is there';
  const what = items > 0 ? `${items} instances mirrored` : later;
  return `${where}\n              ${isLookedAt ? what : 'mirrored in the background'}`;
}
