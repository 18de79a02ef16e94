/*
 * The shape of a program in the little language: what the parser builds and the code generator walks.
 */

/** An expression; its value is a 32-bit word. */
export type Expression =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'string'; readonly text: string }
  | { readonly kind: 'name'; readonly name: string; readonly line: number }
  | { readonly kind: 'address'; readonly name: string; readonly line: number }
  /** The word at base + offset bytes. */
  | { readonly kind: 'field'; readonly base: Expression; readonly offset: number }
  | { readonly kind: 'unary'; readonly operator: '-' | '~' | '!'; readonly operand: Expression }
  | { readonly kind: 'binary'; readonly operator: string; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'choice'; readonly condition: Expression; readonly yes: Expression; readonly no: Expression }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expression[]; readonly line: number };

/** A statement. */
export type Statement =
  | { readonly kind: 'expression'; readonly value: Expression }
  | { readonly kind: 'assign'; readonly target: Expression; readonly value: Expression; readonly line: number }
  | { readonly kind: 'if'; readonly condition: Expression; readonly then: Statement; readonly otherwise?: Statement }
  | { readonly kind: 'loop'; readonly condition?: Expression; readonly step?: Statement; readonly body: Statement }
  | { readonly kind: 'block'; readonly body: readonly Statement[] }
  | { readonly kind: 'return'; readonly value?: Expression }
  | { readonly kind: 'break' | 'continue'; readonly line: number };

/** A function, its locals collected. */
export interface FunctionTree {
  readonly name: string;
  readonly parameters: readonly string[];
  /** Takes more arguments than it names: they lie at arguments(), the address of the first of all. */
  readonly variadic: boolean;
  readonly locals: readonly string[];
  readonly body: Statement;
  readonly file: string;
}

/** A program: functions, and the memory its variables need. */
export interface Program {
  readonly functions: FunctionTree[];
  /** Bytes of each global variable. */
  readonly variables: Map<string, { readonly bytes: number; readonly array: boolean }>;
  readonly constants: Map<string, number>;
  /** Byte offset of each field of each struct; field names are shared by all structs, as in early C. */
  readonly fields: Map<string, number>;
}
