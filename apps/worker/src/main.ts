/** The process of the worker. */
import process from 'node:process';
import { requireNode } from '@holdfast/runtime/require-node';

requireNode();
// Imports are linked before anything runs: what needs the right Node comes after the question.
const { work } = await import('./work.ts');
await work(process.env, process.cwd());
