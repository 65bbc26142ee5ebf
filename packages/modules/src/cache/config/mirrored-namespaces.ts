/** The namespaces that a source writes. Their items never expire: a sync removes them. */
export class MirroredNamespaces {
  readonly #sources = new Map<string, string>();

  /** Replies the source that writes the namespace already, where there is one: each would remove what the other wrote. */
  add(namespace: string, source: string): string | undefined {
    const other = this.#sources.get(namespace);
    if (other === undefined) this.#sources.set(namespace, source);
    return other;
  }

  names(): Iterable<string> {
    return this.#sources.keys();
  }

  sourceOf(namespace: string): string | undefined {
    return this.#sources.get(namespace);
  }
}
