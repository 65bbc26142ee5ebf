// Writes data/products.json and data/instances.json. Deterministic: running it again changes nothing.
// Usage: node scripts/generate-data.mjs
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';

const INSTANCES = 560;
/** Instances that come and go; the others stay, so that examples may name them. */
const PASSING = 160;
const EPOCH = '2026-01-01T00:00:00.000Z';

/** A whole number below `below` that depends on nothing but the text. */
function pick(text, below) {
  return createHash('sha256').update(text).digest().readUInt32BE() % below;
}

const id = (text) => createHash('sha256').update(text).digest('hex').slice(0, 16);

const gpus = [
  { model: 'RTX 3090 24GB', price: 0.21, cpu: 8, memory: 30 },
  { model: 'RTX 4090 24GB', price: 0.35, cpu: 16, memory: 62 },
  { model: 'RTX 5090 32GB', price: 0.63, cpu: 16, memory: 94 },
  { model: 'RTX 6000 Ada 48GB', price: 0.7, cpu: 16, memory: 125 },
  { model: 'L40S 48GB', price: 0.79, cpu: 16, memory: 125 },
  { model: 'A100 SXM4 80GB', price: 1.6, cpu: 16, memory: 188 },
  { model: 'H100 SXM 80GB', price: 2.56, cpu: 24, memory: 220 },
  { model: 'H200 SXM 141GB', price: 3.19, cpu: 24, memory: 256 },
];
const regions = [
  ['us-west-1', 'US West (Oregon)'],
  ['us-east-1', 'US East (Virginia)'],
  ['us-ca-06', 'US (California)'],
  ['eu-de-01', 'EU (Frankfurt)'],
  ['eu-ro-01', 'EU (Bucharest)'],
  ['as-sgp-02', 'Asia (Singapore)'],
  ['as-in-01', 'Asia (Mumbai)'],
];
const images = [
  'docker.io/pytorch/pytorch:2.9.1-cuda12.8-cudnn9-runtime',
  'docker.io/vllm/vllm-openai:v0.12.0',
  'docker.io/ollama/ollama:0.13.5',
  'ghcr.io/huggingface/text-generation-inference:3.3.6',
  'docker.io/nvidia/cuda:12.8.1-devel-ubuntu24.04',
  'docker.io/yanwk/comfyui-boot:cu128-slim',
];
const purposes = ['train', 'finetune', 'inference', 'embed', 'render', 'notebook', 'batch', 'eval'];
const teams = ['atlas', 'birch', 'cobalt', 'delta', 'ember', 'fjord', 'grove', 'harbor', 'iris', 'juniper'];

const products = gpus.flatMap((gpu) =>
  regions.map(([region, regionName]) => {
    const price = Number((gpu.price * (0.95 + pick(`price ${gpu.model} ${region}`, 11) / 100)).toFixed(3));
    return {
      id: `${gpu.model.toLowerCase().replaceAll(' ', '-')}.${region}`,
      name: gpu.model,
      region,
      regionName,
      cpuPerGpu: gpu.cpu,
      memoryPerGpu: gpu.memory,
      diskPerGpu: 60,
      maxGpuNum: 8,
      price,
      spotPrice: Number((price / 2).toFixed(3)),
      availableDeploy: true,
      billingMethods: ['onDemand', 'spot'],
    };
  }),
);

const instances = Array.from({ length: INSTANCES }, (_, index) => {
  const seed = `instance ${index}`;
  const product = products[pick(`${seed} product`, products.length)];
  const gpuNum = [1, 1, 1, 2, 2, 4, 8][pick(`${seed} gpus`, 7)];
  return {
    id: id(seed),
    name: `${teams[pick(`${seed} team`, teams.length)]}-${purposes[pick(`${seed} purpose`, purposes.length)]}-${String(index).padStart(3, '0')}`,
    status: 'running',
    gpuNum,
    cpuNum: gpuNum * product.cpuPerGpu,
    memory: gpuNum * product.memoryPerGpu,
    rootfsSize: 20 + 20 * pick(`${seed} disk`, 9),
    productId: product.id,
    productName: product.name,
    region: product.region,
    price: Number((product.price * gpuNum).toFixed(3)),
    billingMethod: pick(`${seed} billing`, 4) === 0 ? 'spot' : 'onDemand',
    image: images[pick(`${seed} image`, images.length)],
    portMappings: [
      { port: 8888, endpoint: `${id(seed)}-8888.${product.region}.gpu-instance.example.com`, type: 'http' },
    ],
    createdAt: new Date(Date.parse(EPOCH) - pick(`${seed} created`, 90 * 24 * 60) * 60_000).toISOString(),
    passing: index >= INSTANCES - PASSING,
  };
});

const write = (name, items) => {
  const lines = items.map((item) => `    ${JSON.stringify(item)}`).join(',\n');
  const text = `{\n  "epoch": ${JSON.stringify(EPOCH)},\n  "items": [\n${lines}\n  ]\n}\n`;
  writeFileSync(new URL(`../data/${name}.json`, import.meta.url), text);
};
write('products', products);
write('instances', instances);
