/** What every server of `http-cache-get.ts` answers: some 230 bytes of JSON, the size of a small record. */
export const contentType = 'application/json';

export const body: string = JSON.stringify({
  id: '74b5ca4f9baa149a',
  name: 'iris-inference-048',
  status: 'running',
  gpuNum: 1,
  cpuNum: 16,
  memory: 188,
  productName: 'A100 SXM4 80GB',
  region: 'eu-de-01',
  price: 1.696,
  billingMethod: 'spot',
  createdAt: '2025-10-31T04:54:00.000Z',
});
