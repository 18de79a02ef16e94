/* The part of @defasm/core (which has no types of its own) that this package uses. */
declare module '@defasm/core' {
  /** A place in the code where an address has to be filled in once it is known. */
  export interface Relocation {
    readonly offset: number;
    readonly addend: bigint;
    readonly symbol: { readonly name: string } | undefined;
    readonly size: number;
    readonly pcRelative: boolean;
  }
  export interface SymbolRecord {
    readonly name: string;
    readonly statement: unknown;
    readonly value: { readonly addend: bigint };
  }
  export class AssemblyState {
    constructor(options: { syntax: { intel: boolean; prefix: boolean }; bitness: 32 });
    readonly errors: readonly { readonly message: string; readonly range?: { readonly start: number } }[];
    readonly head: { dump(): Uint8Array };
    readonly sections: readonly { getRelocations(): Relocation[] }[];
    readonly symbols: ReadonlyMap<string, SymbolRecord>;
    compile(source: string, options?: { haltOnError?: boolean }): void;
  }
}
