/*
 * Control flow within a code segment, and the one-bit instructions on the flags register.
 */
import type { Builder } from '../builder.js';
import { define } from '../definition.js';
import { Vector } from '../fault.js';
import { Eflags, Register } from '../state.js';
import { carry, conditionHolds, setCarry } from './flags-of.js';

const { ecx } = Register;

define('jmp', { hot: true, ends: true, branches: true, execute: (b) => b.jump(b.target()) });
define('jmp_indirect', { uses: 'r', hot: true, ends: true, execute: (b) => b.jump(b.get(0)) });
define('call', { hot: true, ends: true, branches: true, execute: (b) => b.call(b.target()) });
define('call_indirect', { uses: 'r', hot: true, ends: true, execute: (b) => b.call(b.get(0)) });
define('ret', { hot: true, ends: true, execute: (b) => b.ret(b.imm(0)) });
define('ret_pop', { uses: 'r', hot: true, ends: true, execute: (b) => b.ret(b.get(0)) });

for (let code = 0; code < 16; code++) {
  define(`j${code}`, { hot: true, branches: true, execute: (b) => b.branch(conditionHolds(b, code)) });
}

/** LOOP, LOOPE, LOOPNE and JCXZ count in CX or ECX by the address size, hence two definitions of each. */
function loop(name: string, condition: <V>(b: Builder<V>) => V | undefined): void {
  for (const size of [2, 4]) {
    define(`${name}_${size * 8}`, { hot: size === 4, branches: true, execute: (b) => {
      const wide = b.sub(b.gpr(ecx, size), b.imm(1));
      const left = size === 2 ? b.and(wide, b.imm(0xffff)) : wide;
      const extra = condition(b);
      const more = b.ne(left, b.imm(0));
      b.branch(extra === undefined ? more : b.and(more, extra), () => b.setGpr(ecx, size, left));
    } });
  }
}
loop('loop', () => undefined);
loop('loope', (b) => b.isZero(b.zeroWord()));
loop('loopne', (b) => b.ne(b.zeroWord(), b.imm(0)));
for (const size of [2, 4]) {
  define(`jcxz_${size * 8}`, { hot: size === 4, branches: true, execute: (b) => b.branch(b.isZero(b.gpr(ecx, size))) });
}

define('clc', { hot: true, execute: (b) => setCarry(b, b.imm(0)) });
define('stc', { hot: true, execute: (b) => setCarry(b, b.imm(1)) });
define('cmc', { execute: (b) => setCarry(b, b.xor(carry(b), b.imm(1))) });
define('cld', { hot: true, execute: (b) => b.setEflags(b.and(b.eflags(), b.imm(~Eflags.df))) });
define('std', { hot: true, execute: (b) => b.setEflags(b.or(b.eflags(), b.imm(Eflags.df))) });

/** SALC, the undocumented one: AL := CF ? FF : 0. */
define('salc', { execute: (b) => b.setGpr(0, 1, b.sub(b.imm(0), carry(b))) });

define('undefined', { ends: true, execute: (b) => b.raise(Vector.invalidOpcode) });
/** More than 15 bytes of prefixes and operands. */
define('too_long', { ends: true, execute: (b) => b.raise(Vector.protection) });
