import { eventually, startRedis } from '@holdfast/testing';
import fc from 'fast-check';
import type { InjectOptions, LightMyRequestResponse } from 'fastify';
import { expect } from 'vitest';
import { startApi } from './fixture.ts';
import type { Api } from './fixture.ts';

export interface Fuzzed {
  readonly api: Api;
  /** Sends a request. Whatever it is, the answer is no 5xx, and where it is a refusal, a problem document. */
  readonly call: (request: InjectOptions) => Promise<LightMyRequestResponse>;
  /**
   * Every key in the Redis. What is counted of the reads is written only every few seconds; it is written before, so that
   * what is found does not depend on how long the tests took. The caches count no more after that.
   */
  readonly keys: () => Promise<string[]>;
  readonly close: () => Promise<void>;
}

/** The whole service, and a Redis that nobody else writes to. */
export async function startFuzzed(): Promise<Fuzzed> {
  const redis = await startRedis();
  const api = await startApi({ redis });
  await eventually(() => expect(api.runtime.parts.cache.caches.isOnFallback).toBe(false));
  return {
    api,
    call: async (request) => {
      const { method = 'GET', url, payload } = request;
      const answer = await api.app.inject(request);
      const what = `${method} ${JSON.stringify(url)} ${JSON.stringify(payload)} ${answer.payload}`.slice(0, 3000);
      expect(answer.statusCode, what).toBeLessThan(500);
      if (answer.statusCode >= 400) expect(answer.headers['content-type'], what).toContain('application/problem+json');
      return answer;
    },
    keys: async () => {
      await api.runtime.parts.cache.caches.close();
      return (await redis.command('KEYS', '*')) as string[];
    },
    close: async () => {
      await api.close();
      await redis.stop();
    },
  };
}

/** Text of every kind, `special` among it. */
export function textOr(...special: readonly string[]): fc.Arbitrary<string> {
  return fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.string({ unit: 'grapheme', maxLength: 600 }),
    fc.stringMatching(/^[%:{}*?\\[\]./ \r\n\t-]{0,20}$/),
    fc.constantFrom('.', '..', '', '__proto__', 'constructor', '\0', ...special),
  );
}

/** As a part of a URL, into which a lone surrogate cannot be written. */
export function encodedOf(text: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return text.filter((value) => value.isWellFormed()).map((value) => encodeURIComponent(value));
}

export const methods = fc.constantFrom('GET', 'PUT', 'DELETE', 'POST', 'HEAD', 'PATCH', 'OPTIONS');
