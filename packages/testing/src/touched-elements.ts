/**
 * How many elements a command of Redis looks at, at most, as the manual states its complexity: what it walks over as well as what
 * it replies. Of what costs the logarithm of a size, one.
 *
 * @param sizes of the keys of `sizedKeysOf`
 */
export function elementsOf(argv: readonly string[], sizes: readonly number[]): number {
  const [name = '', , ...args] = argv;
  const size = sizes.reduce((sum, one) => sum + one, 0);
  const atMost = (count: number): number => Math.min(size, Math.max(1, count));
  switch (name.toLowerCase()) {
    case 'lrange':
    case 'zrange':
    case 'zrevrange':
    case 'zremrangebyrank':
      return limited(args) ?? (/by(score|lex)/i.test(args.join(' ')) ? size : between(args[0], args[1], size));
    case 'ltrim':
      return size - between(args[0], args[1], size);
    case 'zrangebyscore':
    case 'zrevrangebyscore':
    case 'zrangebylex':
    case 'zrevrangebylex': {
      const count = limited(args);
      return count === undefined ? size : atMost(count);
    }
    case 'xrange':
    case 'xrevrange':
      return atMost(numberBehind(args, 'COUNT') ?? size);
    case 'xread':
      return numberBehind(argv, 'COUNT') ?? size;
    case 'scan':
      return numberBehind(argv, 'COUNT') ?? 10;
    case 'sscan':
    case 'hscan':
    case 'zscan':
      return atMost(numberBehind(args, 'COUNT') ?? 10);
    case 'lpos':
      return atMost(numberBehind(args, 'MAXLEN') ?? size);
    case 'hgetall':
    case 'hkeys':
    case 'hvals':
    case 'smembers':
    case 'sinter':
    case 'sunion':
    case 'sdiff':
    case 'sort':
    case 'lrem':
    case 'linsert':
    case 'del':
    case 'zunionstore':
    case 'zinterstore':
    case 'zrangestore':
    case 'zremrangebyscore':
    case 'zremrangebylex':
      return Math.max(1, size);
    case 'xtrim':
      // What is beyond the limit goes, in whole nodes of 100 entries.
      return Math.max(0, size - (Number(args.at(-1)) || 0)) + 100;
    case 'keys':
    case 'flushdb':
    case 'flushall':
      return Number.POSITIVE_INFINITY;
    default:
      // Those that take several members, fields or keys look at as many as they were given.
      return Math.max(1, args.length);
  }
}

/** The keys whose size says how much a command may have to look at. */
export function sizedKeysOf(argv: readonly string[]): readonly string[] {
  const [name = '', ...args] = argv;
  switch (name.toLowerCase()) {
    case 'del':
    case 'sinter':
    case 'sunion':
    case 'sdiff':
      return args;
    case 'zunionstore':
    case 'zinterstore':
      return args.slice(2, 2 + Number(args[1]));
    case 'zrangestore':
      return args.slice(1, 2);
    case 'xread': {
      const streams = args.slice(args.findIndex((one) => /^streams$/i.test(one)) + 1);
      return streams.slice(0, streams.length / 2);
    }
    default:
      return args.slice(0, 1);
  }
}

/** Offset and count: what is passed over costs as much as what is taken. */
function limited(args: readonly string[]): number | undefined {
  const at = args.findIndex((one) => /^limit$/i.test(one));
  if (at === -1) return undefined;
  const [offset, count] = [Number(args[at + 1]), Number(args[at + 2])];
  return count < 0 ? undefined : offset + count;
}

function numberBehind(args: readonly string[], word: string): number | undefined {
  const at = args.findIndex((one) => one.toUpperCase() === word);
  return at === -1 ? undefined : Number(args[at + 1]);
}

/** How many of `size` are from one rank to another; ranks below 0 count from the end. */
function between(from: string | undefined, to: string | undefined, size: number): number {
  const rank = (text: string | undefined): number => (Number(text) < 0 ? size + Number(text) : Number(text));
  const [first, last] = [Math.max(0, rank(from)), Math.min(size - 1, rank(to))];
  return Math.max(1, last - first + 1);
}
