/* What the tests use of the assembler, which comes without types. */
declare module '@defasm/core' {
  export class AssemblyState {
    constructor(options: { bitness: 32 | 64 });
    /** AT&T syntax. Throws on the first error when told to. */
    compile(source: string, options: { haltOnError: boolean }): void;
    readonly head: { dump(): Uint8Array };
  }
}
