import { describe, expect, it } from 'vitest';
import { errorsOfNewest, errorsOfOldest } from './compile.ts';

const files = [
  'packages/cache/test/types/values.test.ts',
  'packages/queue/test/types/catalogue.test.ts',
  'packages/queue/test/types/handlers.test.ts',
  'packages/jobs/test/types/built-in.test.ts',
  'infra/typescript/mistakes/cache.ts',
  'infra/typescript/mistakes/queues.ts',
];

/** The last line of the error of each mistake, in their order: the one that says what is wrong, in terms of the data. */
const expected = [
  /^Cannot assign to 'name' because it is a read-only property\.$/,
  /^Property 'push' does not exist on type 'readonly string\[\]'\.$/,
  /^Type 'undefined' is not assignable to type 'User'\.$/,
  /^Type 'undefined' is not assignable to type 'string'\.$/,
  /^Argument of type '"mial"' is not assignable to parameter of type '("mail" \| "invoice"|"invoice" \| "mail")'\.$/,
  /^Type 'number' is not assignable to type 'string'\.$/,
  /^Object literal may only specify known properties, and 'number' does not exist in type '\{ to: string; \}'\.$/,
  /^Type 'number' is not assignable to type 'string'\.$/,
  /^Type 'number' is not assignable to type 'string'\.$/,
  /^Property 'subject' does not exist on type '\{ to: string; \}'\.$/,
  /^Property 'subject' is missing in type '\{ to: string; \}' but required in type '\{ subject: string; \}'\.$/,
  /^Property 'invoice' is missing in type '\{ mail: .*' but required in type 'Handlers</,
];

// Who finds modules how is the same code in both, so each way is seen once with either.
describe('the types of the cache, of queues and of jobs hold, all declarations are right, and each mistake is told in terms of the data', () => {
  it.each([
    ['TypeScript 7, which finds modules as a bundler does', () => errorsOfNewest({ resolution: 'bundler', files })],
    ['TypeScript 5.9, which finds them as Node does', () => errorsOfOldest({ resolution: 'nodenext', files })],
  ])('with %s', { timeout: 300_000 }, async (_compiler, errorsOf) => {
    const said = (await errorsOf()).map((error) =>
      error
        .split('\n')
        .at(-1)
        ?.replace(/^.*error TS\d+: /, '')
        .trim(),
    );
    expect(said).toEqual(expected.map((pattern) => expect.stringMatching(pattern)));
  });
});
