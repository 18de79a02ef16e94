/*
 * The interpreter as the build leaves it.
 *
 * Generating the interpreter (and its units, when they are first needed) takes longer than everything else at start-up
 * together, and what comes out is the same every time. So the build puts a module that holds the result in this one's
 * place (embed.ts). Run from source there is none, and the engine generates its interpreter itself.
 */

/** What packInterpreter() made at build time; undefined when nothing was. */
export function readyMade(): Uint8Array<ArrayBuffer> | undefined {
  return undefined;
}
