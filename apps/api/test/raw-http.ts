import { once } from 'node:events';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { expect } from 'vitest';
import type { Api, ProblemBody } from './fixture.ts';

export interface RawAnswer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** The service on a port of its own. */
export async function listen(api: Api): Promise<number> {
  await api.app.listen({ host: '127.0.0.1', port: 0 });
  return (api.app.server.address() as AddressInfo).port;
}

/** A request as the bytes of HTTP/1.1; what is no text is sent as JSON. */
export function requestBytes(method: string, path: string, body?: unknown): string {
  if (body === undefined) return `${method} ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const head = `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}`;
  return `${method} ${path} HTTP/1.1\r\nHost: localhost\r\n${head}\r\n\r\n${text}`;
}

/** Sends bytes as they are, on a connection that the test may leave at any time. */
export async function open(port: number, bytes: string): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port });
  await once(socket, 'connect');
  socket.write(bytes);
  return socket;
}

/** All that comes until the server closes the connection, or until there is as much as `until` wants. */
export async function receive(
  socket: Socket,
  until: (received: string) => boolean = () => false,
): Promise<{ readonly text: string; readonly isClosed: boolean }> {
  let text = '';
  const done = Promise.withResolvers<boolean>();
  socket.setEncoding('utf8').on('data', (chunk) => {
    text += String(chunk);
    if (until(text)) done.resolve(false);
  });
  socket.on('error', () => undefined).on('close', () => done.resolve(true));
  return { isClosed: await done.promise, text };
}

/** Sends bytes as they are, and reads until there is a whole answer. */
export async function send(port: number, bytes: string): Promise<RawAnswer> {
  const socket = await open(port, bytes);
  try {
    const { text } = await receive(socket, (received) => isWhole(received));
    const [head = '', body] = text.split('\r\n\r\n', 2);
    if (body === undefined) throw new Error(`closed after: ${text}`);
    return { status: Number(text.slice(9, 12)), head, body };
  } finally {
    socket.destroy();
  }
}

export function expectProblem({ status, head, body }: RawAnswer, expected: number, code: string): void {
  expect(status, body).toBe(expected);
  expect(head.toLowerCase()).toContain('content-type: application/problem+json');
  expect(head.toLowerCase()).toContain('x-request-id: ');
  expect(JSON.parse(body) as ProblemBody).toMatchObject({ code, status: expected });
}

/** Whether there is an answer with all of its body. */
export function isWhole(received: string): boolean {
  const [head = '', body] = received.split('\r\n\r\n', 2);
  return body !== undefined && Buffer.byteLength(body) >= Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
}
