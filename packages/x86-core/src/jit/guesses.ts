/*
 * Indirect jumps within a region: to one of the blocks that a jump, call or return has been seen to go to, or may be.
 */
import type { FunctionBuilder, Value } from '../wasm/function-builder.js';
import type { Block } from './blocks.js';

/** Fewer blocks are compared one after the other. */
const worthATable = 3;

/** Where a block's last instruction goes, as far as that is known. */
type Guesses = Pick<Block, 'guesses' | 'choices'>;

/**
 * Go to the block at an offset, if it is one of those guessed; else go on here.
 * @param index selects the word of a table that the offset was read from, if there is one
 */
export function guess(
  f: FunctionBuilder, blocks: readonly Block[], { guesses, choices }: Guesses, offset: Value, index: Value | undefined, jump: (block: number) => void,
): void {
  const isAt = (block: number): Value => f.do('i32.eq', offset, f.i32(blocks[block]!.start));
  const search = (among: readonly number[]): void => {
    if (among.length < worthATable) {
      for (const block of among) f.when(isAt(block), () => jump(block));
      return;
    }
    const half = among.length >> 1;
    const below = f.do('i32.lt_s', offset, f.i32(blocks[among[half]!]!.start));
    f.when(below, () => search(among.slice(0, half)), () => search(among.slice(half)));
  };
  if (index === undefined || choices.length === 0 || guesses.length < worthATable) return search(guesses);
  // the table may have been changed since: what it has led to is only a guess
  f.choose(index, choices.map((block) => guesses.indexOf(block)), guesses.map((block) => () => f.when(isAt(block), () => jump(block))));
}
