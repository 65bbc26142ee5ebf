/** About 230 bytes of JSON, such as an API answers. */
export function valueOf(index: number): object {
  return {
    id: `inst-${String(index).padStart(8, '0')}`,
    name: 'RTX 4090 24GB spot',
    region: 'eu-central-1',
    status: 'running',
    price: 0.35,
    cpu: { cores: 16, model: 'EPYC 7543' },
    memoryGb: 64,
    tags: ['gpu', 'spot', 'nvme'],
    updatedAt: '2026-03-01T12:00:00.000Z',
  };
}
