export { measureWorker } from './measure-worker.ts';
export { buildWorker, type WorkerDependencies, type WorkerRuntime } from './worker.ts';
