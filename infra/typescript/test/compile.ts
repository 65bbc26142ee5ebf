import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../', import.meta.url));
const root = join(folder, '../../');

/** As they are installed here. */
export const compilers = ['typescript', 'typescript-5.9'] as const;

export const resolutions = {
  nodenext: { module: 'nodenext', moduleResolution: 'nodenext' },
  bundler: { module: 'esnext', moduleResolution: 'bundler' },
} as const;

export interface Compilation {
  readonly compiler: (typeof compilers)[number];
  readonly resolution: keyof typeof resolutions;
  /** From the root of the repository. */
  readonly files: readonly string[];
  /** Whether all declarations are checked as well; what is wrong in those of others is left out. */
  readonly checksDeclarations?: boolean;
}

/**
 * What the compiler says, one text an error, with the lines that explain it. Imports of packages lead to what is built, as they do for
 * users.
 */
export async function errorsOf({ compiler, ...what }: Compilation): Promise<string[]> {
  mkdirSync(join(folder, 'dist'), { recursive: true });
  const project = mkdtempSync(join(folder, 'dist/project-'));
  try {
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(settings(what)));
    const output = await run(join(folder, 'node_modules', compiler, 'bin/tsc'), project);
    return output
      .split(/\n(?=\S)/)
      .map((error) => error.trim())
      .filter((error) => error !== '' && !error.includes('node_modules/'));
  } finally {
    rmSync(project, { recursive: true, force: true });
  }
}

function settings({ resolution, files, checksDeclarations = false }: Omit<Compilation, 'compiler'>): object {
  return {
    compilerOptions: {
      ...resolutions[resolution],
      target: 'es2024',
      lib: ['es2024'],
      types: ['node'],
      typeRoots: [join(root, 'node_modules/@types')],
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: !checksDeclarations,
      noEmit: true,
    },
    files: files.map((file) => join(root, file)),
  };
}

async function run(tsc: string, project: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const args = [tsc, '--project', project, '--pretty', 'false'];
    execFile(process.execPath, args, { cwd: root, maxBuffer: 64 * 2 ** 20 }, (error, stdout, stderr) => {
      // 1 and 2: it compiled, and found errors.
      if (error === null || error.code === 1 || error.code === 2) resolve(stdout);
      else reject(new Error(`${tsc} failed: ${stdout}${stderr}`, { cause: error }));
    });
  });
}
