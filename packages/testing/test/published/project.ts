import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { spawnNode } from '../../src/index.ts';
import { root } from '../documents/pages.ts';
import { pnpm, storeDirectory } from './pnpm.ts';
import type { Registry } from './registry.ts';

const run = promisify(execFile);

/** What the READMEs ask of a TypeScript project, and the strictest that it may ask of them: declarations are checked too. */
const tsconfig = {
  compilerOptions: { target: 'es2024', module: 'nodenext', types: ['node'], strict: true, noEmit: true },
};

/** An empty project somewhere else, as a reader of the READMEs has it. */
export class Project {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory);
    this.write('package.json', JSON.stringify({ name: 'project', private: true, type: 'module' }));
    this.write('tsconfig.json', JSON.stringify(tsconfig));
    const settings = {
      storeDir: storeDirectory(),
      cacheDir: join(directory, '.cache'),
      // The registry of this test knows no dates.
      minimumReleaseAge: 0,
      allowBuilds: { 'msgpackr-extract': false },
    };
    this.write('pnpm-workspace.yaml', JSON.stringify(settings));
  }

  write(file: string, text: string): void {
    const path = join(this.#directory, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }

  async install(packages: readonly string[], registry: Registry): Promise<void> {
    await pnpm(['--dir', this.#directory, `--config.registry=${registry.url}/`, 'add', ...packages]);
  }

  /** The names of all packages that were installed, directly or not. */
  installed(): Set<string> {
    const store = readdirSync(join(this.#directory, 'node_modules/.pnpm'));
    return new Set(store.map((each) => each.replace(/(?<=.)@.*/, '').replace('+', '/')));
  }

  /** What the TypeScript in this folder of the repository says; nothing where it compiles. */
  async compile(typescript: string, flags: readonly string[]): Promise<string> {
    const tsc = join(root, typescript, 'bin/tsc');
    const { stdout } = await run(process.execPath, [tsc, '--project', this.#directory, ...flags]).catch(
      (error: { readonly stdout: string }) => error,
    );
    return stdout;
  }

  /** Where it stands, so that what it makes is not in the way of others. */
  async run(file: string, conditions: readonly string[] = []): Promise<{ code: number | null; output: string }> {
    const path = join(this.#directory, file);
    const execArgs = conditions.map((condition) => `--conditions=${condition}`);
    const node = spawnNode(path, { cwd: dirname(path), execArgs });
    const { code } = await node.exited;
    return { code, output: node.lines.join('\n') };
  }
}
