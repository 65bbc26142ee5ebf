import type { ErrorCatalogue } from './error-catalogue.ts';

/** `docs/reference/errors.md` as it should be for these catalogues. */
export function renderErrorReference(catalogues: readonly ErrorCatalogue[]): string {
  const sections = catalogues.map(({ owner, errors }) => {
    const rows = errors
      .toSorted((a, b) => a.status - b.status || a.code.localeCompare(b.code))
      .map(
        ({ code, status, title, retryable, retryAfterMs }) =>
          `| \`${code}\` | ${status} | ${title} | ${retryHint(retryable ?? false, retryAfterMs)} |`,
      );
    return [`## ${owner}`, '', '| code | status | meaning | try again |', '|---|---|---|---|', ...rows, ''].join('\n');
  });
  return [introduction, ...sections].join('\n');
}

function retryHint(retryable: boolean, retryAfterMs: number | undefined): string {
  if (!retryable) return 'no';
  return retryAfterMs === undefined ? 'yes' : `after ${retryAfterMs / 1000} s`;
}

const introduction = `# Errors

<!-- Generated from the catalogues (\`errors.ts\` of each package). Do not edit: run \`node --conditions=@holdfast/source
apps/api/scripts/error-reference.ts\`. A test fails when this page is out of date. -->

Every error is an \`application/problem+json\` document (RFC 9457):

\`\`\`json
{
  "type": "urn:holdfast:error:REQUEST_INVALID",
  "title": "The request does not have the form that this route expects.",
  "status": 400,
  "detail": "query.ttl: must be a duration such as 30s or 5m, none, or 0",
  "instance": "urn:holdfast:request:018f2c4e-6f0a-7b1c-9d3e-5a7b8c9d0e1f",
  "code": "REQUEST_INVALID",
  "errors": [{ "path": "query.ttl", "message": "must be a duration such as 30s or 5m, none, or 0" }]
}
\`\`\`

\`code\` is stable: decide on it, not on \`detail\`. \`instance\` names the request, as \`x-request-id\` does. \`errors\` is there when parts
of the input are wrong; a \`path\` is a JSON pointer into the body (\`/data/url\`) or a name (\`query.ttl\`, \`params.key\`,
\`headers.if-none-match\`). An answer that is worth another try carries \`Retry-After\`
([what a client does then](../guide/clients.md#what-to-expect)). A client's mistake never gives a 5xx.
`;
