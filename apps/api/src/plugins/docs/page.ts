import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance } from 'fastify';

/** Only what this server sends itself; Swagger UI sets styles on its elements. */
const contentSecurityPolicy =
  "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'";

const css = 'text/css; charset=utf-8';
const javascript = 'text/javascript; charset=utf-8';

/** Of Swagger UI no more than it needs to show a document: no bar with a logo, no icon, nothing that asks another server. */
const ofSwaggerUi = { 'swagger-ui.css': css, 'swagger-ui-bundle.js': javascript } as const;

const start = `const script = document.currentScript.src;
window.onload = () => {
  SwaggerUIBundle({
    url: new URL('../openapi.json', script).href,
    dom_id: '#swagger-ui',
    deepLinking: true,
    validatorUrl: null,
    defaultModelsExpandDepth: 0,
    docExpansion: 'list',
    presets: [SwaggerUIBundle.presets.apis],
    layout: 'BaseLayout',
  });
};
`;

/** `files` is where the browser finds the files, as it must be written in the page. */
const page = (files: string): string => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Holdfast API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${files}/swagger-ui.css">
<body style="margin: 0">
<div id="swagger-ui"></div>
<script src="${files}/swagger-ui-bundle.js"></script>
<script src="${files}/start.js"></script>
</html>
`;

/** `/docs`: the OpenAPI document for people, who can try each operation there. */
export async function docsPage(app: FastifyInstance): Promise<void> {
  app.addHook('onRequest', (_request, reply, done) => {
    reply.header('content-security-policy', contentSecurityPolicy);
    reply.header('x-content-type-options', 'nosniff');
    reply.header('referrer-policy', 'no-referrer');
    done();
  });
  const schema = { hide: true };
  const html = 'text/html; charset=utf-8';
  // Relative, so that it also works where a proxy has put a prefix before the path.
  app.get('/docs', { schema }, (_request, reply) => reply.type(html).send(page('docs')));
  app.get('/docs/', { schema }, (_request, reply) => reply.type(html).send(page('.')));
  app.get('/docs/start.js', { schema }, (_request, reply) => reply.type(javascript).send(start));
  const folder = new URL('static/', import.meta.resolve('@fastify/swagger-ui'));
  for (const [name, type] of Object.entries(ofSwaggerUi)) {
    app.get(`/docs/${name}`, { schema }, async (_request, reply) =>
      reply
        .type(type)
        .header('cache-control', 'max-age=3600')
        .send(await readFile(fileURLToPath(new URL(name, folder)))),
    );
  }
}
