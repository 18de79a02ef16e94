/*
 * Where a region looks at its budget.
 *
 * At its entry, on each way back to the start of a loop, and behind each call of another region it makes sure that the
 * longest way to the next such place can be paid; in between it only counts. So it never executes more than it may, and
 * what is left when it leaves is exact. (At the end of a loop rather than at its start, because what flags the end leaves are
 * computed there anyway, but need not be carried to the start for the sake of leaving.)
 */
import type { Block } from './blocks.js';

/**
 * For each block, how many instructions the longest way from its start to the next look has.
 * @param order the blocks, such that those that lead back to what is before them are the ends of loops
 */
export function pathLengths(blocks: readonly Block[], successors: readonly (readonly number[])[], order: readonly number[]): number[] {
  const position = new Map(order.map((node, i) => [node, i]));
  const longest = new Array<number>(blocks.length).fill(0);
  for (const node of [...order].reverse()) {
    const { instructions, calls } = blocks[node]!;
    const onward = successors[node]!
      .filter((next) => position.get(next)! > position.get(node)! && !(calls && next === blocks[node]!.next))
      .map((next) => longest[next]!);
    longest[node] = instructions.length + Math.max(0, ...onward);
  }
  return longest;
}
