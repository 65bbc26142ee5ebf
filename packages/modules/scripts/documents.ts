import { fileSchemaOf } from '@holdfast/config';
import { configParts } from '../src/module.ts';
import { modules } from '../src/modules.ts';
import { environmentExample, environmentPage } from './environment-page.ts';
import { filePage } from './file-page.ts';

/** Every generated file, by its path from the root of the repository. A test compares them with what is committed. */
export function documents(): ReadonlyMap<string, string> {
  return new Map([
    ['docs/reference/env.md', environmentPage()],
    ['docs/reference/config.md', filePage()],
    ['docs/reference/holdfast.schema.json', editorSchema()],
    ['.env.example', environmentExample()],
  ]);
}

function editorSchema(): string {
  const head = { $schema: 'https://json-schema.org/draft/2020-12/schema', title: 'holdfast.yaml' };
  const json = JSON.stringify({ ...head, ...fileSchemaOf(configParts(modules)) }, null, 2);
  // Lists of names on one line, as the formatter would put them.
  const compact = json.replace(/\[\s+("[^"]*"(?:,\s+"[^"]*")*)\s+\]/g, (_, names: string) => {
    return `[${names.replace(/,\s+/g, ', ')}]`;
  });
  return `${compact}\n`;
}
