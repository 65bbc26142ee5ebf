import type { Api } from './fixture.ts';

/** How a service tells of the requests that it answers: in its metrics and its log. */
export interface SeenExchanges {
  /** Beside the one that asks. */
  readonly inFlight: () => Promise<number>;
  /** How many with the method of `request` have ended so. */
  readonly timesSeen: (
    request: readonly [method: string, ...unknown[]],
    route: string,
    status: number,
  ) => Promise<number>;
  /** The lines from the one with this index on. */
  readonly logged: (from: number) => Record<string, unknown>[];
}

/** Of the service that `current` gives when they are asked for. */
export function seenExchanges(current: () => Api): SeenExchanges {
  const metrics = async (): Promise<string> => (await current().app.inject('/metrics')).payload;
  return {
    inFlight: async () => Number(/^holdfast_http_requests_in_flight (\d+)$/m.exec(await metrics())?.[1]) - 1,
    async timesSeen([method], route, status) {
      const series = `_count{method="${method}",route="${route}",status="${status}"} `;
      return Number((await metrics()).split(series)[1]?.split('\n')[0] ?? 0);
    },
    logged: (from) =>
      current()
        .log.slice(from)
        .map((line) => JSON.parse(line) as Record<string, unknown>),
  };
}
