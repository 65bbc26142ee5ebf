import { describe, expect, it } from 'vitest';
import { compilers, errorsOf } from './compile.ts';

/** The last line of each error: the one that says what is wrong, in terms of the data. */
const expected = [
  /^Argument of type '"mial"' is not assignable to parameter of type '("mail" \| "invoice"|"invoice" \| "mail")'\.$/,
  /^Type 'number' is not assignable to type 'string'\.$/,
  /^Object literal may only specify known properties, and 'number' does not exist in type '\{ to: string; \}'\.$/,
  /^Type 'number' is not assignable to type 'string'\.$/,
  /^Type 'number' is not assignable to type 'string'\.$/,
  /^Property 'subject' does not exist on type '\{ to: string; \}'\.$/,
  /^Property 'subject' is missing in type '\{ to: string; \}' but required in type '\{ subject: string; \}'\.$/,
  /^Property 'invoice' is missing in type '\{ mail: .*' but required in type 'Handlers</,
];

describe.each(compilers)('with %s', (compiler) => {
  it('tells a mistake in terms of the data, and finds all declarations right', { timeout: 300_000 }, async () => {
    const files = ['infra/typescript/mistakes/queues.ts'];
    const errors = await errorsOf({ compiler, resolution: 'nodenext', files, checksDeclarations: true });
    const said = errors.map((error) =>
      error
        .split('\n')
        .at(-1)
        ?.replace(/^.*error TS\d+: /, '')
        .trim(),
    );
    expect(said).toEqual(expected.map((pattern) => expect.stringMatching(pattern)));
  });
});
