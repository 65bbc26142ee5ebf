import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { NoNeeds, Running } from '@holdfast/modules';
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { Toys, ToySettings } from './index.ts';

type Context = Running<ToySettings, NoNeeds, Toys>;

const getToy = { operationId: 'getToy', tags: ['toys'], params: Type.Object({ toy: Type.String() }) };

const toyRoutes: FastifyPluginAsyncTypebox<Context> = async (app, { part: toys, settings }) => {
  app.get('/v1/toys/:toy', { config: { access: 'coordination:read' }, schema: getToy }, async ({ params }) => ({
    says: `${settings.greeting} ${params.toy}`,
    turns: await toys.turnsOf(params.toy),
  }));
};

export async function routes(app: FastifyInstance, context: Context): Promise<void> {
  await app.register(toyRoutes, context);
}
