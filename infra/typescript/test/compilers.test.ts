import { describe, expect, it } from 'vitest';
import { compilers, errorsOf, type resolutions } from './compile.ts';

const files = ['packages/queue/test/types/catalogue.test.ts', 'packages/jobs/test/types/built-in.test.ts'];

describe.each(compilers)('with %s', (compiler) => {
  it.each(['nodenext', 'bundler'] satisfies (keyof typeof resolutions)[])(
    'the types of queues and jobs hold where modules are found as by %s',
    { timeout: 300_000 },
    async (resolution) => {
      expect(await errorsOf({ compiler, resolution, files })).toEqual([]);
    },
  );
});
