import { isPlaceholder, refuseQuotes, ValueError, type ValueType } from '@holdfast/config/part';

/** Standard Webhooks: keys of 24 to 64 bytes. */
const minimumKeyBytes = 24;
const maximumKeyBytes = 64;

/** Keys of public examples (Standard Webhooks, Svix): whoever signs with one might as well not sign. */
const publishedKeys: ReadonlySet<string> = new Set([
  'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  'C2FVsBQIhrscChlQIMV+b5sSYspob7oD',
]);

/**
 * A secret of Standard Webhooks, as it stands. Strict, because the decoders of receivers are: one that is only nearly
 * base64 is another key there, or an empty one.
 */
export const webhookSecret: ValueType<string> = {
  name: 'webhook secret',
  allowed: 'whsec_ and the base64 of 24 to 64 random bytes; this makes one: echo "whsec_$(openssl rand -base64 32)"',
  printable: false,
  parse: (value) => {
    refuseQuotes(value);
    if (value.startsWith('v1,')) throw new ValueError('starts with "v1,", which belongs to a signature');
    if (!value.startsWith('whsec_')) throw new ValueError('does not start with whsec_');
    const base64 = value.slice('whsec_'.length);
    const key = Buffer.from(base64, 'base64');
    if (base64 === '' || key.toString('base64') !== base64) {
      throw new ValueError(
        isPlaceholder(base64)
          ? 'is a placeholder'
          : 'is not base64 (with its padding, without line breaks) behind whsec_',
      );
    }
    if (publishedKeys.has(base64) || isPlaceholder(key.toString('latin1')) || new Set(key).size === 1) {
      throw new ValueError('is a placeholder that anybody can know');
    }
    if (key.length < minimumKeyBytes) throw new ValueError('is too short a key');
    if (key.length > maximumKeyBytes) throw new ValueError('is too long a key');
    return value;
  },
};
