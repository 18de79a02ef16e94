/*
 * The programs that emulators are compared on. They are compiled C (see programs/build.mjs); running them needs no compiler.
 */
import { images } from './programs/images.js';

/** Where a program lies, in bytes; its first instruction is there. */
export const LOAD_ADDRESS = 0x10_0000;
/** The port that a program writes each round's result to. */
export const RESULT_PORT = 0xbe7c;
/** The port that a program writes to before its first round. */
export const BEGIN_PORT = RESULT_PORT + 4;
/** Guest memory. */
export const MEMORY_BYTES = 32 << 20;

/**
 * What bounds a program: the CPU's instructions; the memory's latency; the way into the kernel and back; code that changes
 * what the emulator knows of it; or being new.
 */
export type Group = 'cpu' | 'memory' | 'system' | 'changing' | 'cold';

export interface Program {
  readonly name: keyof typeof images;
  readonly about: string;
  readonly group: Group;
  /**
   * True where v86 counts other instructions than we do: we count each step of a repeated string instruction, and each
   * exception that is delivered.
   */
  readonly countsDiffer: boolean;
}

const program = (name: Program['name'], group: Group, about: string, countsDiffer = false): Program => ({ name, group, about, countsDiffer });

/** In the order of the table. */
export const programs: readonly Program[] = [
  program('alu', 'cpu', 'arithmetic in registers'),
  program('memory', 'cpu', 'loads and stores in order'),
  program('sieve', 'cpu', 'sieve of Eratosthenes'),
  program('fib', 'cpu', 'calls and returns'),
  program('qsort', 'cpu', 'quicksort with a callback'),
  program('bytecode', 'cpu', 'a stack machine, with a jump table'),
  program('sha256', 'cpu', 'SHA-256'),
  program('strings', 'cpu', 'lengths and hashes, byte by byte'),
  program('pages', 'cpu', '64 functions on 64 pages'),
  program('pointers', 'cpu', '64 functions on 64 pages, through pointers'),
  program('objects', 'cpu', 'objects with tables of methods'),
  program('matmul', 'cpu', 'matrices, integers'),
  program('x87', 'cpu', 'matrices, doubles on the x87'),
  program('scalar-sse2', 'cpu', 'matrices, doubles in scalar SSE2'),
  program('packed', 'cpu', 'packed SSE2, floats and integers'),
  program('rep-short', 'cpu', 'rep movs and stos, up to 32 bytes', true),
  program('rep-long', 'cpu', 'rep movs and stos, 4 to 64 KiB', true),
  program('chase', 'memory', 'pointers all over 1 MiB'),
  program('fault-kernel', 'system', 'page faults in ring 0', true),
  program('fault-user', 'system', 'page faults in ring 3, handled in ring 0', true),
  program('syscall', 'system', 'int 80h and iret'),
  program('patching', 'changing', 'an immediate that is patched'),
  program('neighbours', 'changing', 'data beside code'),
  program('cold', 'cold', '2.5 MB of code, each instruction a few times', true),
];

/** Programs of these groups are of the kernel's kind: the machine underneath will not let us run them. */
export function runsInUserMode({ group }: Program): boolean {
  return group !== 'system';
}

/** Deflated (raw) bytes in base64 → bytes. */
export async function inflate(text: string): Promise<Uint8Array> {
  const deflated = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([deflated]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** A program's flat binary. */
export function imageOf({ name }: Program): Promise<Uint8Array> {
  return inflate(images[name]);
}
