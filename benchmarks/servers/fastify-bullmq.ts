/** The peer: Fastify with a route that calls BullMQ's `add`, as its guide shows it, and one that calls `addBulk`; both answer with ids. */
import { Queue } from 'bullmq';
import fastify from 'fastify';

const [port, redisPort = ''] = process.argv.slice(2);
const queue = new Queue('peer', { connection: { host: '127.0.0.1', port: Number(redisPort) } });
await queue.waitUntilReady();
const app = fastify({ bodyLimit: 64 * 1024 * 1024 });
const options = {
  priority: 10,
  attempts: 8,
  backoff: { type: 'exponential', delay: 1000 },
  removeOnComplete: { count: 1000 },
  removeOnFail: { count: 1000 },
};
app.post<{ Body: { data: object } }>('/jobs', async ({ body }, reply) => {
  const job = await queue.add('job', body.data, options);
  return reply.code(201).send({ id: job.id, queue: 'peer', state: 'prioritized', duplicate: false });
});
app.post<{ Body: { jobs: { data: object }[] } }>('/jobs/bulk', async ({ body }, reply) => {
  const added = await queue.addBulk(body.jobs.map(({ data }) => ({ name: 'job', data, opts: options })));
  return reply.send({ items: added.map(({ id }, index) => ({ index, id, status: 'accepted' })) });
});
await app.listen({ host: '127.0.0.1', port: Number(port) });
console.log('ready');
