/*
 * What the stack looks like after a trap: byte offsets from the lowest address. The CPU (or the Host, playing the CPU)
 * pushes the upper part, the entry code the lower one. `user…` are there only when the trap came out of ring 3.
 */
import type { Source } from '../language/b.js';

/** Fields of a trap frame, in words from the bottom. The little language knows them as struct Frame. */
export const frameFields = [
  'frameEs', 'frameDs', 'frameEdi', 'frameEsi', 'frameEbp', 'frameUnused', 'frameEbx', 'frameEdx', 'frameEcx', 'frameEax',
  'frameVector', 'frameError', 'frameEip', 'frameCs', 'frameEflags', 'frameEsp', 'frameSs',
] as const;

/** Byte offset of a field. */
export function frameOffset(field: (typeof frameFields)[number]): number {
  return 4 * frameFields.indexOf(field);
}

/** struct Frame for the little language. */
export const frameStruct: Source = { name: 'frame', text: `struct Frame { ${frameFields.join(', ')} }` };
