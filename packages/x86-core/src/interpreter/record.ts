/*S:310
 * Decoded instructions, as the generated interpreter reads them.
 *
 * A record is 32 bytes of everything the interpreter would otherwise have to find out again each time: which handler,
 * where its registers are, displacement, immediate. Records of instructions that follow each other lie next to each
 * other and form a run; a run ends at a jump, and `remaining` counts the instructions from a record to that end, so
 * that the budget needs looking at once per run. Nothing in a record depends on the virtual address it was decoded
 * at: EIP is the page's base, which the interpreter keeps in a local, plus `offset`. So a page of code decoded once
 * serves every address it is mapped at.
 */

/** Byte offsets of a record's fields. */
export const Field = {
  /** u16: index into the interpreter's branch table. */
  handler: 0,
  /** u16: offset of the instruction in its page; of a page end, 4096. */
  offset: 2,
  /** u16: instructions from this one to the end of the run, this one included. */
  remaining: 4,
  /** u8: instruction length. */
  length: 6,
  /** u8: bytes of an operation's memory operand. */
  bytes: 7,
  /** u16 each: addresses of the register operands of slots 0 and 1 in the state page. */
  slot0: 8,
  slot1: 10,
  /** u16: addresses of the base and index registers; State.zero where there is none. */
  base: 12,
  index: 14,
  /** i32 */
  displacement: 16,
  /** i32; in forms with a third register operand (shifts by CL), that register's address. */
  immediate: 20,
  /** i32: the record a direct branch leads to, or 0 while unknown. */
  link: 24,
  /** In the link's place, u16 each: an operation's place in the table, and the opcode that the x87 remembers. */
  operation: 24,
  x87Opcode: 26,
  /** u16: address of the memory operand's segment cache. */
  segment: 28,
  /** u8: shift count of the index. */
  scale: 30,
  /** u8: Guard bits of an operation. */
  guard: 31,
  /** u8 each: where a region begins, its place in the table of functions. (A pair's handler still reads all else.) */
  placeLow: 7,
  placeHigh: 31,
} as const;

/** Bytes per record. */
export const recordSize = 32;

/** How a handler's memory operand is addressed. The first two need a flat segment and 32-bit addresses. */
export const MemoryForm = {
  none: 0,
  /** base + displacement */
  base: 1,
  /** base + index × scale + displacement */
  indexed: 2,
  /** any segment, with its checks; 32-bit addresses */
  segmented: 3,
} as const;
