/** `paths` of an OpenAPI document, as far as it is read here. */
export type Paths = Readonly<Record<string, Readonly<Record<string, { readonly operationId: string }>>>>;

/** The ids of all operations. */
export function operationsOf(paths: Paths): string[] {
  return Object.values(paths).flatMap((methods) => Object.values(methods).map(({ operationId }) => operationId));
}

/** The operation that a request is meant for: the one with fewest variables, where several fit. */
export function operationFor(paths: Paths, { method, url }: Request): string | undefined {
  const { pathname } = new URL(url);
  const fitting = Object.keys(paths)
    .filter((template) =>
      new RegExp(`^${template.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(pathname),
    )
    .sort((a, b) => a.split('{').length - b.split('{').length);
  return fitting.flatMap((template) => paths[template]?.[method.toLowerCase()]?.operationId ?? [])[0];
}
