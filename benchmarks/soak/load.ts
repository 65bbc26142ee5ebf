import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Tally } from './tally.ts';

export interface LoadOptions {
  readonly origin: string;
  readonly tally: Tally;
  /** Where deliveries go. */
  readonly receiver: string;
  /** Calls that are under way at a time. */
  readonly callers: number;
  /** The pause of a caller between two calls. */
  readonly pauseMs: number;
  readonly signal: AbortSignal;
}

/** So many are in use at a time; values and lists stay as large as they are, however long this goes on. */
const keys = 500;
const queue = '/v1/queues/http-delivery';
const cache = '/v1/cache/prompts';
/** After it a caller gives up. */
const patienceMs = 60_000;

/** Calls the service in all ways, as callers would who know it well and some who do not, until it is told to end. */
export async function load(options: LoadOptions): Promise<void> {
  await Promise.all(Array.from({ length: options.callers }, async (_, at) => caller(options, at)));
}

async function caller({ origin, tally, receiver, pauseMs, signal }: LoadOptions, at: number): Promise<void> {
  let turn = at;
  const key = (): string => `key-${(turn * 7919) % keys}`;
  const jobOf = (id: string): object => ({ data: { url: receiver, body: { id } }, options: { jobId: id } });
  const call = async (
    method: string,
    path: string,
    body?: unknown,
    patience = patienceMs,
  ): Promise<Response | undefined> => {
    try {
      const answer = await fetch(origin + path, {
        method,
        signal: AbortSignal.timeout(patience),
        ...(body !== undefined && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
      });
      tally.note(answer.status);
      return answer;
    } catch {
      tally.unanswered += 1;
      return undefined;
    }
  };
  const finish = async (answer: Response | undefined): Promise<void> => {
    // An event stream is left before its end; the service counts that as such.
    await answer?.arrayBuffer().catch(() => tally.leave(answer.status));
  };
  const add = async (query = ''): Promise<void> => {
    const id = `soak-${randomUUID()}`;
    const answer = await call('POST', `${queue}/jobs${query}`, jobOf(id));
    if (answer?.ok === true) tally.promise(id);
    await finish(answer);
  };
  const addMany = async (): Promise<void> => {
    const ids = Array.from({ length: 20 }, () => `soak-${randomUUID()}`);
    const answer = await call('POST', `${queue}/jobs/bulk`, { jobs: ids.map((id) => jobOf(id)) });
    if (answer?.ok !== true) return finish(answer);
    const { items } = (await answer.json()) as {
      items: readonly { readonly index: number; readonly status: string }[];
    };
    for (const { index, status } of items) if (status !== 'rejected') tally.promise(ids[index] ?? '');
  };
  const watch = async (): Promise<void> => {
    const id = `soak-${randomUUID()}`;
    const added = await call('POST', `${queue}/jobs`, jobOf(id));
    if (added?.ok === true) tally.promise(id);
    await finish(added);
    // Some go on watching a job that has ended already, and all of them leave at some time.
    await finish(await call('GET', `${queue}/jobs/${id}/events`, undefined, 3000));
  };
  const items = (): object[] =>
    Array.from({ length: 50 }, (_, n) => ({
      key: `key-${(turn + n) % keys}`,
      value: { turn, n, text: 'x'.repeat(200) },
      tags: [`tag-${n}`],
    }));
  const steps: readonly (() => Promise<void>)[] = [
    ...Array.from({ length: 10 }, () => async () => finish(await call('GET', `${cache}/${key()}`))),
    ...Array.from(
      { length: 4 },
      () => async () =>
        finish(
          await call('PUT', `${cache}/${key()}?ttl=10m&tags=tag-${turn % 20}`, { turn, text: 'y'.repeat(turn % 2000) }),
        ),
    ),
    async () => finish(await call('DELETE', `${cache}/${key()}`)),
    async () => finish(await call('POST', `${cache}/bulk/set`, { items: items() })),
    async () =>
      finish(
        await call('POST', `${cache}/bulk/get`, {
          keys: Array.from({ length: 50 }, (_, n) => `key-${(turn + n) % keys}`),
        }),
      ),
    async () =>
      finish(
        await call(
          'POST',
          `${cache}/invalidate`,
          turn % 2 === 0 ? { tags: [`tag-${turn % 20}`] } : { prefix: `key-${turn % 10}` },
        ),
      ),
    async () => finish(await call('GET', `/v1/namespaces/prompts/keys?prefix=key-${turn % 10}&limit=20`)),
    ...Array.from({ length: 4 }, () => async () => add()),
    async () => add('?wait=2s'),
    addMany,
    watch,
    async () => finish(await call('GET', `${queue}/jobs?state=completed&limit=20`)),
    async () => finish(await call('GET', queue)),
    // Those who do it wrong: an unknown field, no JSON, no such key, queue or route.
    async () => finish(await call('POST', `${queue}/jobs`, { datum: {} })),
    async () => finish(await call('PUT', `${cache}/${key()}?ttl=never`, {})),
    async () => finish(await call('GET', `/v1/queues/unknown-${turn % 50}`)),
    async () => finish(await call('GET', `/nowhere-${turn}`)),
  ];
  while (!signal.aborted) {
    turn += 1;
    await steps[(turn * 31) % steps.length]?.();
    await sleep(pauseMs);
  }
}
