import { createHmac } from 'node:crypto';

/**
 * The headers of a delivery after Standard Webhooks (https://www.standardwebhooks.com): the id is the same for all
 * attempts, so that a receiver can tell a repetition; the signature covers `id.timestamp.body`.
 */
export function webhookHeaders(
  id: string,
  body: string,
  options: { readonly secret?: string; readonly now?: () => number } = {},
): Record<string, string> {
  const timestamp = String(Math.floor((options.now ?? Date.now)() / 1000));
  const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp };
  if (options.secret === undefined) return headers;
  const signature = createHmac('sha256', keyOf(options.secret)).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { ...headers, 'webhook-signature': `v1,${signature}` };
}

/** `whsec_<base64>` is the form of the standard; any other text is taken as it is. */
function keyOf(secret: string): Buffer {
  return secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : Buffer.from(secret);
}
