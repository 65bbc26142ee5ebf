import { describe, expect, test } from 'vitest';
import { Breaker, type BreakerState } from '../src/breaker.ts';

/** Reports what calls came to: `+` for an answer, `-` for none. */
async function report(breaker: Breaker, calls: string): Promise<BreakerState> {
  for (const call of calls) {
    if (call === '+') breaker.succeeded();
    else await breaker.failed();
  }
  return breaker.state;
}

describe('the rules of the breaker', () => {
  test.each<[what: string, calls: string, state: BreakerState]>([
    ['four failures in a row', '----', 'closed'],
    ['five', '-----', 'open'],
    ['five after many answers', `${'+'.repeat(10_000)}-----`, 'open'],
    ['any number, with an answer after each four', `${'+'.repeat(1000)}${'----+'.repeat(100)}`, 'closed'],
    ['most of 19 calls', '----+----+----+----', 'closed'],
    ['most of 20 calls', '----+----+----+---+-', 'open'],
    ['half of many', '+-'.repeat(500), 'closed'],
    ['a little more than half of many', `${'+-'.repeat(500)}--`, 'open'],
  ])('%s: %s leave it %s', async (_what, calls, state) => {
    expect(await report(new Breaker(() => undefined), calls)).toBe(state);
  });

  test('what was before it opened says nothing after it has closed', async () => {
    const states: BreakerState[] = [];
    const breaker = new Breaker((state) => states.push(state));
    await report(breaker, '----+----+-----');
    expect(await breaker.attempt(() => Promise.reject(new Error('not yet')))).toBe(false);
    expect(await breaker.attempt(() => Promise.resolve())).toBe(true);
    expect(states).toEqual(['open', 'half-open', 'open', 'half-open', 'closed']);
    // With those before, this would be most of more than 20.
    expect(await report(breaker, '----+---')).toBe('closed');
  });

  test('answers that come while it is not closed change nothing', async () => {
    const breaker = new Breaker(() => undefined);
    await breaker.trip();
    expect(await report(breaker, '+'.repeat(100))).toBe('open');
  });
});
