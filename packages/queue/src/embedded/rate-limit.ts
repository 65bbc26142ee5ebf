import type { IQueueBackend } from 'bullmq';
import type { RateLimit } from '../job/define-queue.ts';

type Query = (text: string, params: readonly unknown[]) => Promise<unknown>;

/** Has a new backend take a job only where so many have not started yet in any span of that length. */
export function limitFetches(backend: IQueueBackend, { max, durationMs }: RateLimit): IQueueBackend {
  const inside = backend as unknown as { run: Query; query: Query };
  const run = inside.run.bind(backend);
  const value: Query = async (command, params) => {
    if (command === 'move_to_active') return inside.query(fetchSql, [...params.slice(0, 5), max, durationMs]);
    if (command === 'next_signal') return inside.query(signalSql, [params[0], params[2], max, durationMs]);
    return run(command, params);
  };
  return Object.defineProperty(backend, 'run', { value });
}

/** $1 to $5 as BullMQ has them, $6 how many, $7 in how many milliseconds. */
const fetchSql = 'SELECT * FROM holdfast_limited_fetch($1, $2, $3::bigint, $4::bigint, $5, $6::int, $7::bigint)';

/** $1 queue, $2 now, $3 how many, $4 in how many milliseconds. */
const signalSql = `
  SELECT holdfast_start_wait($1, $3::int, $4::bigint) AS rate_limit_ttl, next_delay
    FROM next_signal($1, NULL, $2::bigint)`;

/** $1 queue, $2 how many, $3 in how many milliseconds, $4 when it was fetched: how long to wait. */
export const countStartSql = 'SELECT holdfast_count_start($1, $2::int, $3::bigint, $4::bigint) AS wait';

export const rateLimitTable = `
  CREATE TABLE IF NOT EXISTS holdfast_start_log (
    queue text PRIMARY KEY,
    times bigint[] NOT NULL,
    amounts integer[] NOT NULL
  )`;

/**
 * The log of what has started, oldest first: the rule of `takeFromRateLog`, for amounts of one. There is one process, so its clock is
 * that of the store.
 */
export const rateLimitSql = `
  CREATE OR REPLACE FUNCTION holdfast_now() RETURNS bigint LANGUAGE sql AS $$
    SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint
  $$;

  -- Milliseconds until another job may start: 0 at once.
  CREATE OR REPLACE FUNCTION holdfast_start_wait(p_queue text, p_max integer, p_per bigint, p_now bigint DEFAULT holdfast_now())
  RETURNS bigint LANGUAGE sql SET search_path FROM CURRENT AS $$
    WITH counted AS (
      SELECT LEAST(at, p_now) AS at, sum(amount) OVER (ORDER BY place DESC) AS up_to_newest, amount
        FROM holdfast_start_log, unnest(times, amounts) WITH ORDINALITY AS chunk(at, amount, place)
       WHERE queue = p_queue AND LEAST(at, p_now) + p_per >= p_now
    )
    SELECT CASE WHEN COALESCE(max(up_to_newest), 0) < p_max THEN 0
                ELSE min(at) FILTER (WHERE up_to_newest - amount < p_max) + p_per + 1 - p_now END
      FROM counted
  $$;

  -- Notes a start, unless the limit says no: then milliseconds until it may be. One that was noted at p_since or later, if that
  -- is not null, moves to now.
  CREATE OR REPLACE FUNCTION holdfast_count_start(
    p_queue text, p_max integer, p_per bigint, p_since bigint, p_now bigint DEFAULT holdfast_now()
  ) RETURNS bigint LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  DECLARE
    v_times bigint[];
    v_amounts integer[];
    v_from integer;
    v_used bigint;
    v_last integer;
  BEGIN
    SELECT array_agg(LEAST(at, p_now) ORDER BY place), array_agg(amount ORDER BY place) INTO v_times, v_amounts
      FROM holdfast_start_log, unnest(times, amounts) WITH ORDINALITY AS chunk(at, amount, place)
     WHERE queue = p_queue AND LEAST(at, p_now) + p_per >= p_now;
    SELECT COALESCE(sum(amount), 0), min(place) FILTER (WHERE at >= p_since AND p_since + p_per >= p_now)
      INTO v_used, v_from
      FROM unnest(v_times, v_amounts) WITH ORDINALITY AS chunk(at, amount, place);
    IF v_used + (CASE WHEN v_from IS NULL THEN 1 ELSE 0 END) > p_max THEN
      RETURN holdfast_start_wait(p_queue, p_max, p_per, p_now);
    END IF;
    IF v_amounts[v_from] > 1 THEN
      v_amounts[v_from] := v_amounts[v_from] - 1;
    ELSIF v_from IS NOT NULL THEN
      v_times := v_times[:v_from - 1] || v_times[v_from + 1:];
      v_amounts := v_amounts[:v_from - 1] || v_amounts[v_from + 1:];
    END IF;
    v_last := COALESCE(cardinality(v_times), 0);
    IF v_last > 0 AND (v_times[v_last] = p_now OR (v_amounts[v_last] + 1) * 32 <= p_max) THEN
      v_times[v_last] := p_now;
      v_amounts[v_last] := v_amounts[v_last] + 1;
    ELSE
      v_times := v_times || p_now;
      v_amounts := v_amounts || 1;
    END IF;
    INSERT INTO holdfast_start_log VALUES (p_queue, v_times, v_amounts)
    ON CONFLICT (queue) DO UPDATE SET times = EXCLUDED.times, amounts = EXCLUDED.amounts;
    RETURN 0;
  END
  $$;

  -- BullMQ's move_to_active, and the start is noted in the same step.
  CREATE OR REPLACE FUNCTION holdfast_limited_fetch(
    p_queue text, p_token text, p_lock_ms bigint, p_now bigint, p_name text, p_max integer, p_per bigint
  ) RETURNS SETOF job LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  DECLARE
    v_job job;
  BEGIN
    IF holdfast_start_wait(p_queue, p_max, p_per) > 0 THEN RETURN; END IF;
    FOR v_job IN SELECT * FROM move_to_active(p_queue, p_token, p_lock_ms, p_now, p_name, NULL, NULL) LOOP
      PERFORM holdfast_count_start(p_queue, p_max, p_per, NULL);
      RETURN NEXT v_job;
    END LOOP;
  END
  $$;
`;
