type Fields = Readonly<Record<string, unknown>>;

const withheld = (): string => '[withheld]';

/** What becomes of the fields of a log line, by name. All others are logged as they are given. */
export const serializers: Readonly<Record<string, (value: unknown) => unknown>> = {
  err: (value) => serializeError(value),
  error: (value) => serializeError(value),
  req: serializeRequest,
  res: serializeReply,
  headers: withheld,
  body: withheld,
  payload: withheld,
  data: withheld,
  authorization: withheld,
  cookie: withheld,
  password: withheld,
  secret: withheld,
  token: withheld,
  apiKey: withheld,
  env: withheld,
  config: withheld,
};

/** `type`, `code`, `message`, `stack`, and the same of the causes; nothing else that hangs on an error. */
function serializeError(value: unknown, depth = 0): unknown {
  if (!(value instanceof Error)) return typeof value === 'string' ? value : '[no error]';
  const { code } = value as { code?: unknown };
  return {
    type: value.name,
    ...((typeof code === 'string' || typeof code === 'number') && { code }),
    message: withoutArguments(value.message),
    ...(depth === 0 && value.stack !== undefined && { stack: withoutArguments(value.stack) }),
    ...(value.cause instanceof Error && depth < 3 && { cause: serializeError(value.cause, depth + 1) }),
  };
}

/**
 * Of a command that a Redis does not know its answer repeats the arguments: user data, or a password. (As redis-core has it, of
 * which this package knows the types only.)
 */
function withoutArguments(text: string): string {
  return text.replaceAll(/,? with args beginning with:.*/g, '');
}

/** The route as its template: the URL holds keys and names of users. */
function serializeRequest(value: unknown): Fields {
  const request = asFields(value);
  const route = request['route'] ?? asFields(request['routeOptions'])['url'];
  return {
    ...pick(request, ['id', 'method']),
    route: typeof route === 'string' ? route : 'unmatched',
  };
}

function serializeReply(value: unknown): Fields {
  const { statusCode, status } = asFields(value);
  const code = statusCode ?? status;
  return typeof code === 'number' ? { status: code } : {};
}

function pick(from: Fields, names: readonly string[]): Fields {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = from[name];
      return typeof value === 'string' || typeof value === 'number' ? [[name, value]] : [];
    }),
  );
}

function asFields(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}
