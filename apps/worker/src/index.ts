export { buildWorker, type WorkerDependencies, type WorkerRuntime } from './worker.ts';
export { onStuckLoop, type StuckLoopReaction } from './stuck-loop.ts';
