import * as contract from '@holdfast/contract';
import * as queue from '@holdfast/queue';
import * as redis from '@holdfast/redis-core';
import { describe, expect, it } from 'vitest';
import { errorCatalogues } from '../src/plugins/errors/error-catalogue.ts';

describe('the contract', () => {
  it('states the bounds that the libraries keep', () => {
    expect(contract.maxNesting).toBe(redis.maxNesting);
    expect(contract.maxJobIdBytes).toBe(queue.maxJobIdBytes);
    expect(contract.maxCursorLength).toBe(queue.maxCursorLength);
  });

  it('names the states of jobs as the queue does', () => {
    expect(contract.listedStates).toEqual(queue.listedStates);
    expect(contract.cleanableStates).toEqual(queue.cleanableStates);
  });
  it('has the errors of all catalogues, and no others', () => {
    const defined = errorCatalogues.flatMap(({ errors }) =>
      errors.map(({ code, retryable = false, ...others }) => [code, { ...others, retryable }]),
    );
    expect(contract.errorCodes).toEqual(Object.fromEntries(defined));
  });
});
