// The health check of the images, which have no curl: exits 0 when the URL in the first argument answers 2xx within 5 s,
// which is below the check's own time-out, so that the reason is still written.
const url = process.argv[2];
try {
  if (url === undefined) throw new Error('usage: healthcheck.mjs <url>');
  const response = await fetch(url, { signal: AbortSignal.timeout(5_000), redirect: 'error' });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  // The body is not read: process.exit ends the connection.
  process.exit(0);
} catch (error) {
  const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : '';
  console.error(`${error instanceof Error ? error.message : String(error)}${cause}`);
  process.exit(1);
}
