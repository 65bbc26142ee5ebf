export { startUpstream } from './upstream.ts';
export type { UpstreamServer, UpstreamServerOptions } from './upstream.ts';
export { loadData } from './data.ts';
export type { Instance, InstanceRecord, InstanceStatus, Product, SampleData } from './data.ts';
export { stateAt } from './state.ts';
export type { SampleState } from './state.ts';
