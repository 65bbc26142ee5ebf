/** Forwards what a dead process has left in its data folder: `forward.js <folder>`. */
import process from 'node:process';
import { requireNode } from '@holdfast/runtime/require-node';

requireNode();
// Imports are linked before anything runs: what needs the right Node comes after the question.
const { forward } = await import('./forward-command.ts');

try {
  process.exitCode = await forward(process.argv.slice(2), process.env, process.cwd());
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
