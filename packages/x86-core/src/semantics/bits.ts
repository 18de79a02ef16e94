/*
 * Single bits: tests, and searches for the first or the last one.
 */
import type { Builder } from '../builder.js';
import { define } from '../definition.js';
import { bitsOf, setCarry } from './flags-of.js';

const changes: Record<string, (<V>(b: Builder<V>, x: V, mask: V) => V) | undefined> = {
  bt: undefined,
  bts: (b, x, mask) => b.or(x, mask),
  btr: (b, x, mask) => b.and(x, b.xor(mask, b.imm(-1))),
  btc: (b, x, mask) => b.xor(x, mask),
};

for (const [name, change] of Object.entries(changes)) {
  /*
   * Register destinations and immediate bit numbers: the number is taken modulo the operand size. A memory destination
   * with a register bit number reaches beyond its operand: the decoder calls that form `…_string`, and the builder
   * moves the operand by the number's upper bits before slot 0 is touched.
   */
  for (const form of ['', '_string']) {
    define(`${name}${form}`, {
      uses: change ? 'rw r' : 'r r',
      hot: true,
      lockable: change !== undefined,
      bitString: form !== '',
      execute: (b) => {
        const x = b.get(0);
        const position = b.and(b.get(1), b.imm(bitsOf(b.size) - 1));
        if (change) b.set(0, change(b, x, b.shl(b.imm(1), position)));
        setCarry(b, b.and(b.shr(x, position), b.imm(1)));
      },
    });
  }
}

/**
 * BSF and BSR: ZF tells whether the source was 0; then the destination stays as it was (the manual leaves it open,
 * every processor keeps it, and programs rely on it). The other flags are undefined: PF follows the number found, and
 * without one is set, the rest is clear.
 */
function scan(name: string, forward: boolean): void {
  define(name, { uses: 'rw r', hot: true, execute: (b) => {
    const source = b.get(1);
    const found = forward ? b.ctz(source) : b.sub(b.imm(31), b.clz(source));
    b.set(0, b.select(source, found, b.get(0)));
    // nothing found is 32 or -1 here, of which the mask leaves a byte with an even number of ones
    b.setFlags(source, b.and(found, b.imm(forward ? 0x1f : 0xff)), b.imm(0), b.imm(0));
  } });
}
scan('bsf', true);
scan('bsr', false);
