/** Options of an engine whose Redis is never away: a busy machine is no outage. */
export const calm = { probeIntervalMs: 0, commandTimeoutMs: 60_000 } as const;
