import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';

/** Before a zstd frame. No JSON text begins with `!`. */
const PREFIX = Buffer.from('!z');
/** Level 1 packs JSON nearly as well as the default, 3, in less time. */
const PARAMS = { [constants.ZSTD_c_compressionLevel]: 1 };

/** `!z` and a zstd frame, or the text itself where that would be no smaller. */
export function compress(text: string): string | Buffer {
  const bytes = Buffer.from(text);
  const frame = zstdCompressSync(bytes, { params: PARAMS });
  return PREFIX.length + frame.length < bytes.length ? Buffer.concat([PREFIX, frame]) : text;
}

/** The text in `bytes`, compressed or not. @throws when it would have more than `maxBytes`, or is no zstd frame */
export function decompress(bytes: Uint8Array, maxBytes: number): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (buffer[0] !== PREFIX[0] || buffer[1] !== PREFIX[1]) return buffer.toString();
  return zstdDecompressSync(buffer.subarray(PREFIX.length), { maxOutputLength: maxBytes }).toString();
}
