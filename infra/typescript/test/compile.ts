import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript-5.9';

const folder = fileURLToPath(new URL('../', import.meta.url));
const root = join(folder, '../../');

/** An error begins with the path of its file. */
const isInDeclarationsOfOthers = /^[^\s(]*node_modules\//;

const resolutions = {
  nodenext: { module: 'nodenext', moduleResolution: 'nodenext' },
  bundler: { module: 'esnext', moduleResolution: 'bundler' },
} as const;

export interface Compilation {
  readonly resolution: keyof typeof resolutions;
  /** From the root of the repository. */
  readonly files: readonly string[];
}

/**
 * What the newest compiler says, one text an error, with the lines that explain it. Imports of packages lead to what is built, as
 * they do for users, and all declarations are checked as well; what is wrong in those of others is left out.
 */
export async function errorsOfNewest(compilation: Compilation): Promise<string[]> {
  mkdirSync(join(folder, 'dist'), { recursive: true });
  const project = mkdtempSync(join(folder, 'dist/project-'));
  try {
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(settings(compilation)));
    const output = await run(join(folder, 'node_modules/typescript/bin/tsc'), project);
    return output
      .split(/\n(?=\S)/)
      .map((error) => error.trim())
      .filter((error) => error !== '' && !isInDeclarationsOfOthers.test(error));
  } finally {
    rmSync(project, { recursive: true, force: true });
  }
}

/** The same of TypeScript 5.9, which is asked for our files only: the declarations of others take it most of its time. */
export function errorsOfOldest(compilation: Compilation): string[] {
  const { options, fileNames, errors } = ts.parseJsonConfigFileContent(settings(compilation), ts.sys, folder);
  const program = ts.createProgram({ options, rootNames: fileNames, configFileParsingDiagnostics: errors });
  const ours = program.getSourceFiles().filter(({ fileName }) => !fileName.includes('/node_modules/'));
  const diagnostics = [
    ...program.getConfigFileParsingDiagnostics(),
    ...program.getOptionsDiagnostics(),
    ...program.getGlobalDiagnostics(),
    ...ours.flatMap((file) => [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)]),
  ];
  const host = {
    getCanonicalFileName: (name: string) => name,
    getCurrentDirectory: () => root,
    getNewLine: () => '\n',
  };
  return diagnostics.map((diagnostic) => ts.formatDiagnostic(diagnostic, host).trim());
}

function settings({ resolution, files }: Compilation): object {
  return {
    compilerOptions: {
      ...resolutions[resolution],
      target: 'es2024',
      lib: ['es2024'],
      types: ['node'],
      typeRoots: [join(root, 'node_modules/@types')],
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      // The tests import one another as Node finds them.
      allowImportingTsExtensions: true,
    },
    files: files.map((file) => join(root, file)),
  };
}

async function run(tsc: string, project: string): Promise<string> {
  return new Promise((resolve, reject) => {
    // Several at a time each check what they share.
    const args = [tsc, '--project', project, '--pretty', 'false', '--checkers', '1'];
    execFile(process.execPath, args, { cwd: root, maxBuffer: 64 * 2 ** 20 }, (error, stdout, stderr) => {
      // 1 and 2: it compiled, and found errors.
      if (error === null || error.code === 1 || error.code === 2) resolve(stdout);
      else reject(new Error(`${tsc} failed: ${stdout}${stderr}`, { cause: error }));
    });
  });
}
