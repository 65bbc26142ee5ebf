export { buildWorker, type WorkerDependencies, type WorkerRuntime } from './worker.ts';
