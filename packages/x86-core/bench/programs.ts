/*
 * The programs that emulators are compared on. They are compiled C (see programs/build.mjs); running them needs no compiler.
 */
import { inflateRawSync } from 'node:zlib';
import { images } from './programs/images.js';

/** Where a program lies, in bytes; its first instruction is there. */
export const LOAD_ADDRESS = 0x10_0000;
/** The port that a program writes each round's result to. */
export const RESULT_PORT = 0xbe7c;
/** Guest memory. */
export const MEMORY_BYTES = 32 << 20;

/** Name → flat binary. */
export const programs: ReadonlyMap<string, Uint8Array> = new Map(
  Object.entries(images).map(([name, text]) => [name, new Uint8Array(inflateRawSync(Buffer.from(text, 'base64')))]),
);
