import { spawnSync } from 'node:child_process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { inspect } from 'node:util';

const hints: Readonly<Record<string, string>> = {
  ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX:
    '; Node only removes types, so enums, namespaces with values, parameter properties and decorators need a build',
  ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING: '; an installed package has to ship JavaScript',
};

/** `npm init` writes "type": "commonjs" into the package.json that it makes. */
const isScript = /^(Cannot use import statement outside a module|Unexpected token 'export')/;

/** Why a file could not be imported: one line, with the place in it where that is known. */
export function importProblem(error: unknown, file: string): string {
  // Not everything that can be thrown can be made a text of.
  if (!(error instanceof Error)) return `${file} throws ${firstLine(inspect(error))}`;
  const { code } = error as { code?: unknown };
  const message = firstLine(error.message);
  const hint = (typeof code === 'string' && hints[code]) || '';
  if (error instanceof SyntaxError) {
    return `${syntaxErrorPlace(error, file) ?? file}: ${message}${hint || hintOf(message, file)}`;
  }
  const place = placeOfFrame(error.stack, file);
  if (place === undefined) return `${file}: ${message}${hint}`;
  return `${file} throws ${error.name}: ${message} (${place})`;
}

/** What a file that is right in itself has to say of itself, or of what it imports. */
function hintOf(message: string, file: string): string {
  if (isScript.test(message)) return '; its package.json has to say "type": "module"';
  // Node removes types one file at a time, so it cannot know of a name in an import that it is one.
  const isOfTypes = /\.[cm]?ts$/.test(file) && message.includes('does not provide an export named');
  return isOfTypes ? '; if that is a type, write `import { type … }`' : '';
}

/** `/path/file.ts:3` */
function syntaxErrorPlace(error: SyntaxError, file: string): string | undefined {
  return placeAtTop(error.stack) ?? placeAtTop(checkedByNode(file));
}

/** Where Node names the place before it shows the line. */
function placeAtTop(text: string | undefined): string | undefined {
  const [, place] = /^((?:file:\/\/)?\/.+:\d+)\n/.exec(text ?? '') ?? [];
  return place === undefined ? undefined : toPath(place);
}

/** Of JavaScript, Node tells the line to the terminal only. */
function checkedByNode(file: string): string | undefined {
  if (file.endsWith('ts')) return undefined;
  return spawnSync(process.execPath, ['--check', file], { encoding: 'utf8', timeout: 10_000 }).stderr;
}

/** Where the file itself has led to it, or what it imports; nowhere if Node threw before any file ran. */
function placeOfFrame(stack = '', file: string): string | undefined {
  const frames = stack.split('\n').filter((line) => /^\s+at /.test(line));
  if (!frames[0]?.includes('file://')) return undefined;
  const frame = frames.find((line) => line.includes(`${pathToFileURL(file).href}:`)) ?? frames[0];
  const [place] = /file:\/\/\S+:\d+:\d+/.exec(frame) ?? [];
  return place === undefined ? undefined : toPath(place);
}

function toPath(place: string): string {
  if (!place.startsWith('file://')) return place;
  const [, url = '', position = ''] = /^(.*?)((?::\d+)+)$/.exec(place) ?? [];
  return `${fileURLToPath(url)}${position}`;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
