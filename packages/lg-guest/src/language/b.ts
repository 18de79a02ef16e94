/*
 * A tag for program texts in the little language: the text as it stands, backslashes included.
 */

/** A source text in the little language, named for messages. */
export interface Source {
  readonly name: string;
  readonly text: string;
}

/** source('frames')`…` */
export function source(name: string): (parts: TemplateStringsArray) => Source {
  return (parts) => ({ name, text: parts.raw[0]! });
}
