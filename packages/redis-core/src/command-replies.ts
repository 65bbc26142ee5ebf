import type { ScoredMember, ScriptReply, SortedSetRange } from './engine.ts';

/** How replies are read: bytes and numbers as one client says them and text as another does. */

export const asNumber = (reply: unknown): number => Number(reply);
export const asText = (reply: unknown): string => (Buffer.isBuffer(reply) ? reply.toString() : String(reply));
export const asBuffer = (reply: unknown): Buffer | null =>
  reply === null || reply === undefined
    ? null
    : Buffer.isBuffer(reply)
      ? reply
      : Buffer.from(String(reply as string | number));
export const asArray = (reply: unknown): readonly unknown[] => (Array.isArray(reply) ? reply : []);
export const asBuffers = (reply: unknown): (Buffer | null)[] => asArray(reply).map(asBuffer);

/** A flat list of names and values, or the record that some clients make of it. */
export function asMap(reply: unknown): Map<string, Buffer> {
  const isRecord = typeof reply === 'object' && reply !== null && !Array.isArray(reply);
  const flat = isRecord ? Object.entries(reply).flat() : asArray(reply);
  const map = new Map<string, Buffer>();
  for (let index = 0; index + 1 < flat.length; index += 2) {
    const value = asBuffer(flat[index + 1]);
    if (value !== null) map.set(asText(flat[index]), value);
  }
  return map;
}

/** The reply to a range: with scores, but for BYLEX. */
export function asMembers(range: SortedSetRange): (reply: unknown) => ScoredMember[] {
  return (reply) => {
    const flat = asArray(reply);
    // ZRANGE BYLEX has no WITHSCORES: its members have one score, by agreement 0.
    if (range.by === 'lex') return flat.map((member) => ({ member: asText(member), score: 0 }));
    return asScored(flat);
  };
}

/** Members and scores in turn. */
export function asScored(reply: unknown): ScoredMember[] {
  const flat = asArray(reply);
  const members: ScoredMember[] = [];
  for (let index = 0; index + 1 < flat.length; index += 2) {
    members.push({ member: asText(flat[index]), score: scoreNumber(asText(flat[index + 1])) });
  }
  return members;
}

function scoreNumber(text: string): number {
  if (text === 'inf') return Infinity;
  return text === '-inf' ? -Infinity : Number(text);
}

export function asScriptReply(reply: unknown): ScriptReply {
  if (reply === null || reply === undefined) return null;
  if (typeof reply === 'number') return reply;
  return Array.isArray(reply) ? reply.map(asScriptReply) : asBuffer(reply);
}
