/** Most heads have less than 200 bytes; one that is longer (tags) has its entry copied. */
const HEAD_ROOM = 512;
/** Up to here copying is cheaper than memory of its own. */
const SMALL_BYTES = 16 * 1024;
/** What is larger is seldom, and not kept. */
const LARGEST_BYTES = 16 * 1024 * 1024;
/** What is kept for others at most, and for how long. */
const KEPT_BYTES = 64 * 1024 * 1024;
const KEPT_MS = 10_000;

interface Room {
  readonly whole: Buffer;
  readonly owner: BodyMemory;
  /** The head of an entry stands before the body: a second one needs memory of its own, the first may still be on its way. */
  isJoined: boolean;
}

const rooms = new WeakMap<Uint8Array, Room>();

/**
 * Memory for large bodies that come piece by piece and are then written to the cache.
 *
 * There is room before each for what an entry has in front of its body, so that the entry is not a copy. When Redis has
 * answered that it is stored, its memory is used again: megabytes that become garbage with each request make the garbage
 * collector go through the whole heap every few requests, which costs more than all else that a large write costs.
 */
export class BodyMemory {
  readonly #free = new Map<number, Buffer[]>();
  #freeBytes = 0;
  /** Whether what is kept will be let go. */
  #isTimed = false;

  /** To be filled, and given away with `Cache.write`: who has done that must neither read nor change it any more. */
  allocate(bytes: number): Buffer {
    if (bytes <= SMALL_BYTES) return Buffer.allocUnsafe(bytes);
    const size = sizeFor(HEAD_ROOM + bytes);
    const kept = this.#free.get(size)?.pop();
    if (kept !== undefined) this.#freeBytes -= size;
    const whole = kept ?? Buffer.allocUnsafeSlow(size);
    const body = whole.subarray(HEAD_ROOM, HEAD_ROOM + bytes);
    rooms.set(body, { whole, owner: this, isJoined: false });
    return body;
  }

  /** What is kept for others now, in bytes. */
  get freeBytes(): number {
    return this.#freeBytes;
  }

  /** @internal */
  keep(whole: Buffer): void {
    const { length } = whole;
    if (length > LARGEST_BYTES || this.#freeBytes + length > KEPT_BYTES) return;
    const alike = this.#free.get(length);
    if (alike === undefined) this.#free.set(length, [whole]);
    else alike.push(whole);
    this.#freeBytes += length;
    if (!this.#isTimed) setTimeout(() => this.#clear(), KEPT_MS).unref();
    this.#isTimed = true;
  }

  #clear(): void {
    this.#isTimed = false;
    this.#free.clear();
    this.#freeBytes = 0;
  }
}

/** Head and body in one piece of memory: that of the body, where there is room, and else of its own. */
export function joinEntry(head: string, body: Uint8Array): Buffer {
  const headBytes = Buffer.byteLength(head);
  const room = rooms.get(body);
  if (room !== undefined && !room.isJoined && headBytes <= HEAD_ROOM) {
    room.isJoined = true;
    room.whole.write(head, HEAD_ROOM - headBytes);
    return room.whole.subarray(HEAD_ROOM - headBytes, HEAD_ROOM + body.length);
  }
  const bytes = Buffer.allocUnsafe(headBytes + body.length);
  bytes.write(head);
  bytes.set(body, headBytes);
  return bytes;
}

/** The body has arrived where it was written to, and nobody here holds it. */
export function releaseBody(body: string | Uint8Array): void {
  if (typeof body === 'string') return;
  const room = rooms.get(body);
  if (room === undefined) return;
  rooms.delete(body);
  room.owner.keep(room.whole);
}

/** Eight sizes an octave, so that bodies of about one size can use the memory of each other. */
function sizeFor(bytes: number): number {
  if (bytes > LARGEST_BYTES) return bytes;
  const step = 2 ** Math.max(0, Math.floor(Math.log2(bytes)) - 3);
  return Math.ceil(bytes / step) * step;
}
