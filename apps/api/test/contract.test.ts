import * as contract from '@holdfast/contract';
import * as queue from '@holdfast/queue';
import * as redis from '@holdfast/redis-core';
import { describe, expect, it } from 'vitest';

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
});
