import { readFileSync } from 'node:fs';

export interface Instance {
  readonly id: string;
  readonly name: string;
  readonly status: InstanceStatus;
  readonly gpuNum: number;
  readonly cpuNum: number;
  /** GB. */
  readonly memory: number;
  /** GB. */
  readonly rootfsSize: number;
  readonly productId: string;
  readonly productName: string;
  readonly region: string;
  /** US dollars an hour, for all GPUs. */
  readonly price: number;
  readonly billingMethod: 'onDemand' | 'spot';
  readonly image: string;
  readonly portMappings: readonly { readonly port: number; readonly endpoint: string; readonly type: string }[];
  /** ISO 8601. */
  readonly createdAt: string;
}

export type InstanceStatus = 'running' | 'starting' | 'stopping' | 'exited' | 'migrating';

export interface Product {
  readonly id: string;
  readonly name: string;
  readonly region: string;
  readonly regionName: string;
  readonly cpuPerGpu: number;
  readonly memoryPerGpu: number;
  readonly diskPerGpu: number;
  readonly maxGpuNum: number;
  /** US dollars an hour, for one GPU. */
  readonly price: number;
  readonly spotPrice: number;
  readonly availableDeploy: boolean;
  readonly billingMethods: readonly string[];
}

/** An instance of the data file; a `passing` one is replaced by another every hour (see `stateAt`). */
export type InstanceRecord = Instance & { readonly passing: boolean };

export interface SampleData {
  /** Minutes are counted from here; milliseconds since 1970. */
  readonly epoch: number;
  readonly instances: readonly InstanceRecord[];
  readonly products: readonly Product[];
}

/** Reads the two files beside `src` (or `dist`). */
export function loadData(): SampleData {
  const instances = readFile('instances') as DataFile<InstanceRecord>;
  const products = readFile('products') as DataFile<Product>;
  return {
    epoch: Date.parse(instances.epoch),
    instances: instances.items,
    products: products.items,
  };
}

interface DataFile<Item> {
  readonly epoch: string;
  readonly items: readonly Item[];
}

function readFile(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../data/${name}.json`, import.meta.url), 'utf8'));
}
