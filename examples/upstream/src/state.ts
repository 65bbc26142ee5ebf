import type { Instance, InstanceRecord, InstanceStatus, Product, SampleData } from './data.ts';

/** What the API shows at one moment. */
export interface SampleState {
  /** Newest first. */
  readonly instances: readonly Instance[];
  readonly products: readonly Product[];
}

const MINUTE = 60_000;
/** A passing instance lives for 54 minutes; 6 minutes later another takes its place. */
const CYCLE = 60;
const GONE = 6;
/** Minutes that a status lasts, at least; each instance has its own length. */
const STATUS_PERIOD = 60;
const PRICE_PERIOD = 180;
const statuses: readonly InstanceStatus[] = [
  'running',
  'running',
  'running',
  'exited',
  'starting',
  'stopping',
  'migrating',
];

/**
 * The collection as it is at `now` (milliseconds since 1970). Pure, and the same for every moment of one minute. From
 * one minute to the next about six instances change their status, two or three disappear, as many others appear, and
 * the prices of a few products (and of their instances) move.
 */
export function stateAt(data: SampleData, now: number): SampleState {
  const minute = Math.floor((now - data.epoch) / MINUTE);
  const products = data.products.map((product) => productAt(product, minute));
  const prices = new Map(products.map((product) => [product.id, product]));
  const instances = data.instances
    .map((record, index) => instanceAt(record, index, minute, data.epoch, prices))
    .filter((instance) => instance !== undefined)
    .sort((a, b) => compare(b.createdAt, a.createdAt) || compare(a.id, b.id));
  return { instances, products };
}

function productAt(product: Product, minute: number): Product {
  const phase = hash(`${product.id} phase`) % PRICE_PERIOD;
  const slot = Math.floor((minute + phase) / PRICE_PERIOD);
  const price = rounded(product.price * (0.9 + (hash(`${product.id} price ${slot}`) % 21) / 100));
  return {
    ...product,
    price,
    spotPrice: rounded(price / 2),
    availableDeploy: hash(`${product.id} available ${slot}`) % 5 > 0,
  };
}

function instanceAt(
  record: InstanceRecord,
  index: number,
  minute: number,
  epoch: number,
  products: ReadonlyMap<string, Product>,
): Instance | undefined {
  const { passing, ...instance } = record;
  const price = rounded((products.get(instance.productId)?.price ?? instance.price) * instance.gpuNum);
  if (!passing) return { ...instance, price, status: statusAt(instance.id, minute) };

  // Phases are spread evenly, so that as many come as go.
  const age = minute + index;
  if (modulo(age, CYCLE) >= CYCLE - GONE) return undefined;
  const birth = Math.floor(age / CYCLE) * CYCLE - index;
  const id = hex(hash(`${instance.id} ${birth}`)) + hex(hash(`${birth} ${instance.id}`));
  return {
    ...instance,
    id,
    name: `${instance.name}-${id.slice(0, 4)}`,
    price,
    status: minute === birth ? 'starting' : statusAt(id, minute),
    portMappings: instance.portMappings.map(({ port, endpoint, type }) => ({
      port,
      endpoint: endpoint.replace(instance.id, id),
      type,
    })),
    createdAt: new Date(epoch + birth * MINUTE).toISOString(),
  };
}

function statusAt(id: string, minute: number): InstanceStatus {
  const period = STATUS_PERIOD + (hash(`${id} period`) % STATUS_PERIOD);
  const slot = Math.floor((minute + (hash(`${id} phase`) % period)) / period);
  return statuses[hash(`${id} status ${slot}`) % statuses.length] ?? 'running';
}

/** FNV-1a with a final mix: fast, and even enough for a sample. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  return (value ^ (value >>> 13)) >>> 0;
}

const hex = (value: number): string => value.toString(16).padStart(8, '0');
const modulo = (value: number, by: number): number => ((value % by) + by) % by;
const rounded = (price: number): number => Number(price.toFixed(3));
const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
