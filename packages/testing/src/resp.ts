/** A RESP2 reply; bulk strings are read as UTF-8. */
export type PlainReply = string | number | null | PlainReply[];

export interface TakenReply {
  readonly value: PlainReply | Error;
  /** Offset behind the reply. */
  readonly end: number;
}

/** Reads the reply that starts at `start`; `undefined` while it has not arrived completely. */
export function takeReply(bytes: Buffer, start: number): TakenReply | undefined {
  const lineEnd = bytes.indexOf('\r\n', start);
  if (lineEnd === -1) return undefined;
  const line = bytes.toString('utf8', start + 1, lineEnd);
  const end = lineEnd + 2;
  switch (bytes.toString('latin1', start, start + 1)) {
    case '+':
      return { value: line, end };
    case '-':
      return { value: new Error(line), end };
    case ':':
      return { value: Number(line), end };
    case '$':
      return takeBulk(bytes, end, Number(line));
    case '*':
      return takeArray(bytes, end, Number(line));
    default:
      throw new Error(`Not a RESP2 reply: ${JSON.stringify(line.slice(0, 80))}`);
  }
}

function takeBulk(bytes: Buffer, start: number, length: number): TakenReply | undefined {
  if (length < 0) return { value: null, end: start };
  const end = start + length;
  return bytes.length < end + 2 ? undefined : { value: bytes.toString('utf8', start, end), end: end + 2 };
}

function takeArray(bytes: Buffer, start: number, length: number): TakenReply | undefined {
  if (length < 0) return { value: null, end: start };
  const items: PlainReply[] = [];
  let end = start;
  for (let index = 0; index < length; index += 1) {
    const item = takeReply(bytes, end);
    if (item === undefined) return undefined;
    items.push(item.value instanceof Error ? item.value.message : item.value);
    end = item.end;
  }
  return { value: items, end };
}
