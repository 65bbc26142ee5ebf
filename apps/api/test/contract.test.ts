import { parseDuration, parseTtl } from '@holdfast/config';
import * as contract from '@holdfast/contract';
import * as queue from '@holdfast/queue';
import * as redis from '@holdfast/redis-core';
import { describe, expect, it } from 'vitest';
import { startApi } from './fixture.ts';
import { errorCatalogues } from '../src/plugins/errors/error-catalogue.ts';

describe('the contract', () => {
  it('states the bounds that the libraries keep', () => {
    expect(contract.maxNesting).toBe(redis.maxNesting);
    expect(contract.maxJobIdBytes).toBe(queue.maxJobIdBytes);
    expect(contract.maxCursorLength).toBe(queue.maxCursorLength);
  });

  it.each([
    ...'0 1 500ms 30s 5m 6h 7d 36500d 0s'.split(' '),
    ...',05s,-1,1.5s,1 s, 1s,1s ,1w,1S,none,1m30s,1e3,10000000000000000'.split(','),
  ])('writes durations as the configuration reads them: "%s"', (text) => {
    expect(new RegExp(contract.durationPattern).test(text)).toBe(reads(() => parseDuration(text)));
    expect(new RegExp(contract.ttlPattern).test(text)).toBe(reads(() => parseTtl(text)));
  });

  it('names the states of jobs as the queue does', () => {
    expect(contract.listedStates).toEqual(queue.listedStates);
    expect(contract.cleanableStates).toEqual(queue.cleanableStates);
  });

  it('is not changed by the service that answers by it', async () => {
    const sizes = (): [string, number][] =>
      Object.entries(contract).map(([name, value]) => [name, JSON.stringify({ value }).length]);
    const before = sizes();
    const api = await startApi({ engine: 'memory' });
    await api.close();
    expect(sizes()).toEqual(before);
  });

  it('has the errors of all catalogues, and no others', () => {
    const defined = errorCatalogues.flatMap(({ errors }) =>
      errors.map(({ code, retryable = false, ...others }) => [code, { ...others, retryable }]),
    );
    expect(contract.errorCodes).toEqual(Object.fromEntries(defined));
  });
});

function reads(parse: () => unknown): boolean {
  try {
    parse();
    return true;
  } catch {
    return false;
  }
}
