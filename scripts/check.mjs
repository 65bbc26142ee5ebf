/** `npm run check`: everything that can be said about the code without running it. One line a check, all are run. */
import { spawn } from 'node:child_process';
import { installIfNeeded } from './lib/install.mjs';
import { node, root, withTools } from './lib/paths.mjs';

const checks = [
  { name: 'types', command: ['tsc', '-b'] },
  { name: 'lint', command: ['oxlint', '--type-aware', '--deny-warnings', '--report-unused-disable-directives'] },
  { name: 'format', command: ['oxfmt', '--check', '.'] },
  { name: 'boundaries', command: ['turbo', 'boundaries'] },
  { name: 'import rules', command: [node, 'scripts/lib/check-imports.mjs'] },
  { name: 'package.json', command: [node, 'scripts/lib/check-manifests.mjs'] },
  { name: 'unused code', command: ['knip', '--no-progress'] },
];

installIfNeeded();
const failures = [];
for (const check of checks) {
  const startedAt = performance.now();
  const { isGood, output } = await run(check.command);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(`${isGood ? 'ok    ' : 'FAILED'} ${check.name.padEnd(14)} ${seconds.padStart(6)} s`);
  if (!isGood) failures.push({ ...check, output });
}
for (const { name, command, output } of failures) {
  console.log(`\n── ${name}: ${command.join(' ').replace(`${root}/`, '')}\n${output.trimEnd()}`);
}
process.exitCode = failures.length === 0 ? 0 : 1;

function run([command, ...args]) {
  return new Promise((resolve) => {
    const env = { ...withTools(), TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1', FORCE_COLOR: '0' };
    const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        output += chunk;
      });
    }
    child.once('error', (error) => resolve({ isGood: false, output: error.message }));
    child.once('close', (code) => resolve({ isGood: code === 0, output }));
  });
}
