import { resolve } from 'node:path';
import type { TSchema } from 'typebox';
import { LineCounter, parseDocument } from 'yaml';
import type { ProblemList } from './errors.ts';
import { errorCode } from './read-environment.ts';
import type { ConfigFile } from './schema.ts';
import { validate } from './validate.ts';

export interface ReadConfigFile {
  /** Absolute path; `null` when there is no file. */
  readonly path: string | null;
  readonly content: ConfigFile;
}

const defaultName = 'holdfast.yaml';

/** Reads HOLDFAST_CONFIG, or `holdfast.yaml` where it exists. What is wrong with it is noted and left out. */
export function readConfigFile(
  configured: string | undefined,
  cwd: string,
  readFile: (path: string) => string,
  schema: TSchema,
  problems: ProblemList,
): ReadConfigFile {
  const path = resolve(cwd, configured ?? defaultName);
  let text: string;
  try {
    text = readFile(path);
  } catch (error) {
    const code = errorCode(error);
    if (configured === undefined && code === 'ENOENT') return { path: null, content: {} };
    const name = configured === undefined ? defaultName : 'HOLDFAST_CONFIG';
    problems.add(name, `the file ${path} cannot be read (${code})`, 'the path of a readable YAML file');
    return { path, content: {} };
  }
  return { path, content: parseConfigFile(text, schema, problems) };
}

function parseConfigFile(text: string, schema: TSchema, problems: ProblemList): ConfigFile {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false, uniqueKeys: true, stringKeys: true });
  // Warnings are about tags that would be dropped, so they count.
  for (const error of [...document.errors, ...document.warnings]) {
    const { line, col } = lineCounter.linePos(error.pos[0]);
    // The message may quote the text; the code does not, and with the line it is enough.
    problems.add(
      `${defaultName}:${line}:${col}`,
      `is not valid YAML: ${error.code.toLowerCase().replaceAll('_', ' ')}`,
    );
  }
  if (document.errors.length > 0 || document.warnings.length > 0) return {};
  let content: unknown;
  try {
    content = document.toJS({ maxAliasCount: 50 }) ?? {};
  } catch {
    problems.add(defaultName, 'has an alias that is unknown or grows too much', 'at most 50 uses of aliases');
    return {};
  }
  // What is left is right, and the schema of Holdfast's own sections is where their type is from.
  return (validate(schema, content, problems) ?? {}) as ConfigFile;
}
