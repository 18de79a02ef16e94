/* The part of @defasm/core (which has no types of its own) that the tests use. */
declare module '@defasm/core' {
  export class AssemblyState {
    constructor(options: { syntax: { intel: boolean; prefix: boolean }; bitness: 32 });
    readonly errors: readonly { readonly message: string }[];
    readonly head: { dump(): Uint8Array };
    compile(source: string, options?: { haltOnError?: boolean }): void;
  }
}
