/** What a parent sees of a child. */
export type ChildResult =
  | { readonly queue: string; readonly id: string; readonly result: unknown }
  | {
      readonly queue: string;
      readonly id: string;
      readonly error: { readonly code: string; readonly message: string };
    };
