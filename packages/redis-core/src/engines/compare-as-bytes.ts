/** Compares texts as Redis does, by their UTF-8 bytes, without making these. */
export function compareAsBytes(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  for (let index = 0; index < shorter; index += 1) {
    const left = a.charCodeAt(index);
    const right = b.charCodeAt(index);
    if (left !== right) return rank(left) - rank(right);
  }
  return a.length - b.length;
}

/** Of a UTF-16 unit: a surrogate stands for a character beyond U+FFFF, whose bytes come after those of all other units. */
function rank(unit: number): number {
  if (unit >= 0xe0_00) return unit - 0x8_00;
  return unit >= 0xd8_00 ? unit + 0x20_00 : unit;
}
