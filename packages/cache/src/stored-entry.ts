import { type Entry, NONE, offsets, shortTypes, type TagStamp, VERSION } from './entry.ts';

const NEWLINE = 0x0a;
/** What begins with it is compressed or has tagged values in it (see the serializer); anything else is plain JSON. */
const EXCLAMATION_MARK = 0x21;
const KIND_ENTRY = 0x65;
const KIND_NEGATIVE = 0x6e;
const noTags: readonly string[] = [];

/** What of the head is needed each time; the rest is cut from the bytes by those few who ask for it. */
interface Parsed {
  readonly bodyAt: number;
  readonly contentType: string;
  readonly tags: readonly string[];
  readonly origin: string | null;
  readonly leaseUntil: number;
  readonly createdAt: number;
  readonly softExpiresAt: number | null;
  readonly expiresAt: number | null;
  readonly stamp: TagStamp | null;
}

/** An entry over the bytes that Redis sent. */
class StoredEntry implements Entry {
  readonly contentType: string;
  readonly tags: readonly string[];
  readonly origin: string | null;
  readonly createdAt: number;
  readonly softExpiresAt: number | null;
  readonly expiresAt: number | null;
  readonly stamp: TagStamp | null;
  readonly negative: boolean;
  readonly #stored: Buffer;
  readonly #bodyAt: number;
  readonly #leaseUntil: number;

  constructor(stored: Buffer, parsed: Parsed | StoredEntry) {
    this.#stored = stored;
    this.#bodyAt = parsed instanceof StoredEntry ? parsed.#bodyAt : parsed.bodyAt;
    this.#leaseUntil = parsed instanceof StoredEntry ? parsed.#leaseUntil : parsed.leaseUntil;
    this.contentType = parsed.contentType;
    this.tags = parsed.tags;
    this.origin = parsed.origin;
    this.createdAt = parsed.createdAt;
    this.softExpiresAt = parsed.softExpiresAt;
    this.expiresAt = parsed.expiresAt;
    this.stamp = parsed.stamp;
    this.negative = stored[offsets.kind] === KIND_NEGATIVE;
  }

  get body(): Buffer {
    return this.#stored.subarray(this.#bodyAt);
  }

  get hasPlainBody(): boolean {
    return this.#stored[this.#bodyAt] !== EXCLAMATION_MARK;
  }

  get content(): string | Buffer {
    return this.hasPlainBody ? this.#stored.toString('utf8', this.#bodyAt) : this.body;
  }

  get digest(): string {
    return this.#stored.toString('latin1', offsets.digest, offsets.rev);
  }

  get rev(): string {
    return this.#stored.toString('latin1', offsets.rev, offsets.lease);
  }

  get lease(): Entry['lease'] {
    if (this.#leaseUntil === 0) return null;
    return { token: this.#stored.toString('latin1', offsets.lease, offsets.leaseUntil), until: this.#leaseUntil };
  }

  get storedBytes(): number {
    return this.#stored.length;
  }

  get heldBytes(): number {
    return this.#stored.buffer.byteLength;
  }

  compact(): Entry {
    if (this.#stored.length * 2 >= this.#stored.buffer.byteLength) return this;
    // Not from the pool, whose slabs would be held in the place of the socket's.
    const copy = Buffer.allocUnsafeSlow(this.#stored.length);
    this.#stored.copy(copy);
    return new StoredEntry(copy, this);
  }
}

/** The entry in `stored`, or `null` where it is not one that this version can read. Never throws. */
export function decodeEntry(stored: Buffer): Entry | null {
  const end = stored.length <= offsets.contentType ? -1 : stored.indexOf(NEWLINE, offsets.contentType);
  if (end === -1 || !startsWithVersion(stored)) return null;
  const createdAt = time(stored, offsets.createdAt);
  const softExpiresAt = time(stored, offsets.softExpiresAt);
  const expiresAt = time(stored, offsets.expiresAt);
  const leaseUntil = time(stored, offsets.leaseUntil);
  if (Number.isNaN(createdAt + softExpiresAt + expiresAt + leaseUntil)) return null;
  const kind = stored[offsets.kind];
  const stamp = stampOf(stored);
  const described = describe(stored, end);
  if ((kind !== KIND_ENTRY && kind !== KIND_NEGATIVE) || stamp === undefined || described === null) return null;
  return new StoredEntry(stored, {
    bodyAt: end + 1,
    contentType: described.contentType,
    tags: described.tags,
    origin: described.origin,
    leaseUntil,
    createdAt,
    softExpiresAt: softExpiresAt === 0 ? null : softExpiresAt,
    expiresAt: expiresAt === 0 ? null : expiresAt,
    stamp,
  });
}

function startsWithVersion(stored: Buffer): boolean {
  for (let index = 0; index < VERSION.length; index += 1) {
    if (stored[index] !== VERSION.charCodeAt(index)) return false;
  }
  return true;
}

type Described = Pick<Entry, 'contentType' | 'tags' | 'origin'>;

/** What most entries have there: one character. */
const shortlyDescribed: readonly (Described | undefined)[] = Array.from({ length: 128 }, (_, code) => {
  const contentType = shortTypes[String.fromCodePoint(code)];
  return contentType === undefined ? undefined : { contentType, tags: noTags, origin: null };
});

/** Content type, origin (after a `=`, which percent-encoding leaves to it) and tags, divided by tabulators. */
function describe(stored: Buffer, end: number): Described | null {
  const short = end === offsets.contentType + 1 ? shortlyDescribed[stored[offsets.contentType] ?? 0] : undefined;
  if (short !== undefined) return short;
  const text = stored.toString('utf8', offsets.contentType, end);
  const [contentType = '', ...rest] = text.split('\t');
  const hasOrigin = rest[0]?.startsWith('=') === true;
  try {
    return {
      contentType: shortTypes[contentType] ?? contentType,
      origin: hasOrigin ? decodeURIComponent((rest[0] ?? '').slice(1)) : null,
      tags: rest.length === 0 ? noTags : rest.slice(hasOrigin ? 1 : 0).map(decodeURIComponent),
    };
  } catch {
    return null;
  }
}

const HYPHEN = 0x2d;

/** `undefined`: not a stamp. */
function stampOf(stored: Buffer): TagStamp | null | undefined {
  if (isNone(stored, offsets.epoch)) return null;
  const seq = digits(stored, offsets.seq, offsets.kind);
  return Number.isNaN(seq) ? undefined : { epoch: stored.toString('latin1', offsets.epoch, offsets.seq), seq };
}

function isNone(stored: Buffer, offset: number): boolean {
  for (let index = 0; index < NONE.length; index += 1) if (stored[offset + index] !== HYPHEN) return false;
  return true;
}

function time(stored: Buffer, offset: number): number {
  return digits(stored, offset, offset + 9);
}

/** The values of the digits of base 36 by character code. */
const digitValues = Float64Array.from({ length: 256 }, (_, code) => Number.parseInt(String.fromCodePoint(code), 36));

function digits(stored: Buffer, start: number, end: number): number {
  let value = 0;
  for (let index = start; index < end; index += 1) value = value * 36 + (digitValues[stored[index] ?? 0] ?? Number.NaN);
  return value;
}
