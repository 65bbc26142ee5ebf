/** The process of the REST service; in embedded mode the worker runs in it as well. */
import process from 'node:process';
import { requireNode } from '@holdfast/runtime/require-node';

requireNode();
// Imports are linked before anything runs: what needs the right Node comes after the question.
const { serve } = await import('./serve.ts');
await serve(process.env, process.cwd());
