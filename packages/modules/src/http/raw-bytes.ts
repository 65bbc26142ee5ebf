import type { FastifyInstance } from 'fastify';

/** Any type, as the bytes that came: for the routes that store them. */
export function parseRawBytes(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
}
