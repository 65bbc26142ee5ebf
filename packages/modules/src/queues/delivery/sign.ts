import { createHmac } from 'node:crypto';

export const signatureHeader = 'webhook-signature';

/**
 * The headers of a delivery after Standard Webhooks (https://www.standardwebhooks.com): the id is the same for all
 * attempts, so that a receiver can tell a repetition; each signature covers `id.timestamp.body`. With several secrets
 * there is one signature for each, so that a receiver may change over from one to the other whenever it likes.
 */
export function webhookHeaders(
  id: string,
  body: string,
  options: { readonly secrets: readonly string[]; readonly now?: () => number },
): Record<string, string> {
  const timestamp = String(Math.floor((options.now ?? Date.now)() / 1000));
  const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp };
  if (options.secrets.length === 0) return headers;
  const signatures = options.secrets.map((secret) => {
    const digest = createHmac('sha256', keyOf(secret)).update(`${id}.${timestamp}.${body}`).digest('base64');
    return `v1,${digest}`;
  });
  return { ...headers, [signatureHeader]: signatures.join(' ') };
}

/** `secret` is `whsec_<base64>`: the configuration lets no other pass. */
function keyOf(secret: string): Buffer {
  return Buffer.from(secret.slice('whsec_'.length), 'base64');
}
