import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { ValueError } from './errors.ts';
import type { ValueType } from './value-types.ts';

const block = /-----BEGIN ([A-Z0-9 ]+)-----[^]+?-----END \1-----/g;

/** One certificate or more, the first of which is the one that a key belongs to. Replies them with real line breaks. */
export const certificates: ValueType<string> = {
  name: 'PEM text',
  allowed:
    'PEM text (-----BEGIN CERTIFICATE-----), where \\n may stand for a line break; use the _FILE form for a file',
  printable: false,
  parse: (value) => {
    const { text, labels, blocks } = read(value);
    if (labels.some((label) => label.endsWith('PRIVATE KEY'))) throw new ValueError('holds a private key');
    if (labels.some((label) => !label.endsWith('CERTIFICATE')))
      throw new ValueError('holds something that is no certificate');
    for (const [at, pem] of blocks.entries()) {
      orValueError(() => new X509Certificate(pem), `holds a damaged certificate (number ${at + 1})`);
    }
    return text;
  },
};

/** A private key that needs no passphrase. Replies it with real line breaks. */
export const privateKey: ValueType<string> = {
  name: 'PEM text',
  allowed:
    'PEM text (-----BEGIN PRIVATE KEY-----), where \\n may stand for a line break; use the _FILE form for a file',
  printable: false,
  parse: (value) => {
    const { text, labels } = read(value);
    if (labels.some((label) => label.endsWith('CERTIFICATE'))) throw new ValueError('holds a certificate');
    const [label = '', ...others] = labels.filter((name) => !name.endsWith('PARAMETERS'));
    if (others.length > 0) throw new ValueError('holds more than one key');
    if (!label.endsWith('PRIVATE KEY')) throw new ValueError('holds no private key');
    if (label.startsWith('ENCRYPTED') || text.includes('Proc-Type: 4,ENCRYPTED')) {
      throw new ValueError('is encrypted with a passphrase, which nobody could give; decrypt it (openssl pkey)');
    }
    orValueError(() => createPrivateKey(text), 'is a damaged key');
    return text;
  },
};

/** Whether `key` is that of the (first) certificate. Both as the types above reply them. */
export function isKeyOf(certificate: string, key: string): boolean {
  return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
}

function read(value: string): {
  readonly text: string;
  readonly labels: readonly string[];
  readonly blocks: readonly string[];
} {
  // Neither base64 nor a header of PEM has a backslash: this is how a variable of one line holds many.
  const text = value
    .replaceAll(String.raw`\r`, '')
    .replaceAll(String.raw`\n`, '\n')
    .trim();
  const matches = [...text.matchAll(block)];
  const blocks = matches.map(([pem]) => pem);
  // Between blocks comments are usual; a block that does not end is a copy that was cut off.
  if (blocks.length === 0 || text.split('-----BEGIN ').length - 1 !== blocks.length) {
    throw new ValueError('is no complete PEM text');
  }
  return { text: `${text}\n`, labels: matches.map(([, label = '']) => label), blocks };
}

function orValueError(parse: () => X509Certificate | KeyObject, message: string): void {
  try {
    parse();
  } catch {
    throw new ValueError(message);
  }
}
