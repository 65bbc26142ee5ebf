import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import spectralCore from '@stoplight/spectral-core';
import type { RulesetDefinition } from '@stoplight/spectral-core';
import * as spectralParsers from '@stoplight/spectral-parsers';
import { oas } from '@stoplight/spectral-rulesets';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startService } from './service.ts';
import type { Service } from './service.ts';
import { runTool } from './tools.ts';

describe('the document of the running service', () => {
  let service: Service;
  beforeAll(async () => {
    service = await startService();
  });
  afterAll(() => service.stop());

  it('has no error and no warning for redocly', async () => {
    const file = join(service.folder, 'openapi.json');
    await writeFile(file, service.document);
    const { stdout, output } = await runTool('redocly', ['lint', file, '--extends=recommended', '--format=json']);
    const { totals, problems } = JSON.parse(stdout) as Redocly;
    const found = problems.map(
      ({ ruleId, message, location }) => `${ruleId}: ${message} ${location[0]?.pointer ?? ''}`,
    );
    expect(found, output).toEqual([]);
    expect(totals).toMatchObject({ errors: 0, warnings: 0, ignored: 0 });
  });

  it('has nothing to say against for spectral', async () => {
    const spectral = new spectralCore.Spectral();
    // All that the ruleset has, not only what it recommends. (Its type is wider than the one that is asked for here.)
    spectral.setRuleset({
      extends: [[oas as RulesetDefinition, 'all']],
      // It wants an address for mail: there is none, questions are asked as issues.
      rules: { 'contact-properties': 'off' },
    });
    const found = await spectral.run(new spectralCore.Document(service.document, spectralParsers.Json, 'openapi.json'));
    expect(found.map(({ code, message, path }) => `${code}: ${message} ${path.join('/')}`)).toEqual([]);
  });
});

interface Redocly {
  readonly totals: { readonly errors: number; readonly warnings: number; readonly ignored: number };
  readonly problems: readonly {
    readonly ruleId: string;
    readonly message: string;
    readonly location: readonly { readonly pointer?: string }[];
  }[];
}
