/*
 * What a kernel does when it switches from one program to the next: FXSAVE and FXRSTOR, as a shortcut (see gates.ts) for
 * where all is usual: the coprocessors are there, all of the image is in one page, and nothing restored is pending.
 */
import type { PrivilegedBuilder } from '../builder.js';
import { Guard } from '../operations/operation.js';
import { Cr4, State } from '../state.js';
import { Control, Exception, Status } from '../x87/environment.js';
import { Fx, fxAlignment, mxcsrBits, opcodeMask, xmmWords } from '../x87/fx-image.js';

const registerCount = 8;
const registerShift = 4;
const significandWords = 2;

/** The image's bytes, if the instruction is one for a shortcut. Handlers are for flat segments only. */
function imageOf<V>(b: PrivilegedBuilder<V>, write: boolean): V {
  const linear = b.offset();
  b.unusual(b.and(b.state(State.unavailable), b.imm(Guard.x87)));
  b.unusual(b.isZero(b.and(b.state(State.cr4), b.imm(Cr4.osfxsr))));
  b.unusual(b.and(linear, b.imm(fxAlignment)));
  return b.flatBytes(linear, Fx.bytes, write);
}

/** Address of the physical register ST(i), with State.fpu to be added. */
function registerAt<V>(b: PrivilegedBuilder<V>, top: V, i: number): V {
  return b.shl(b.and(b.add(top, b.imm(i)), b.imm(registerCount - 1)), b.imm(registerShift));
}

const sixteenBits = <V>(b: PrivilegedBuilder<V>, value: V): V => b.and(value, b.imm(0xffff));

/** FXSAVE. */
export function quickFxSave<V>(b: PrivilegedBuilder<V>): void {
  const image = imageOf(b, true);
  const top = b.state(State.fpuTop);
  b.store(image, Fx.control, 2, b.state(State.fpuControl));
  b.store(image, Fx.status, 2, b.or(b.state(State.fpuStatus), b.shl(top, b.imm(Status.topShift))));
  b.store(image, Fx.tags, 2, b.and(b.state(State.fpuTags), b.imm(0xff)));
  b.store(image, Fx.opcode, 2, b.and(b.state(State.fpuOpcode), b.imm(opcodeMask)));
  b.store(image, Fx.eip, 4, b.state(State.fpuEip));
  b.store(image, Fx.cs, 4, sixteenBits(b, b.state(State.fpuCs)));
  b.store(image, Fx.data, 4, b.state(State.fpuData));
  b.store(image, Fx.ds, 4, sixteenBits(b, b.state(State.fpuDs)));
  b.store(image, Fx.mxcsr, 4, b.state(State.mxcsr));
  b.store(image, Fx.mxcsrMask, 4, b.imm(mxcsrBits));
  for (let i = 0; i < registerCount; i++) {
    const register = registerAt(b, top, i);
    const at = Fx.st + (i << registerShift);
    for (let word = 0; word < significandWords; word++) b.store(image, at + 4 * word, 4, b.load(register, State.fpu + 4 * word, 4));
    b.store(image, at + 8, 4, b.load(register, State.fpu + 8, 2));
    b.store(image, at + 12, 4, b.imm(0));
  }
  for (let word = 0; word < xmmWords; word++) b.store(image, Fx.xmm + 4 * word, 4, b.state(State.xmm + 4 * word));
}

/** FXRSTOR. */
export function quickFxRestore<V>(b: PrivilegedBuilder<V>): void {
  const image = imageOf(b, false);
  const mxcsr = b.load(image, Fx.mxcsr, 4);
  b.unusual(b.and(mxcsr, b.imm(~mxcsrBits)));
  const control = b.or(b.and(b.load(image, Fx.control, 2), b.imm(Control.writable)), b.imm(Control.alwaysSet));
  const status = b.load(image, Fx.status, 2);
  b.unusual(b.and(b.and(status, b.xor(control, b.imm(-1))), b.imm(Exception.all)));
  const top = b.shr(b.and(status, b.imm(Status.topMask)), b.imm(Status.topShift));
  b.setState(State.fpuControl, control);
  b.setState(State.fpuStatus, b.and(status, b.imm(Status.exceptTop & ~(Status.summary | Status.busy))));
  b.setState(State.fpuTop, top);
  b.setState(State.fpuTags, b.load(image, Fx.tags, 1));
  b.setState(State.fpuOpcode, b.and(b.load(image, Fx.opcode, 2), b.imm(opcodeMask)));
  b.setState(State.fpuEip, b.load(image, Fx.eip, 4));
  b.setState(State.fpuCs, b.load(image, Fx.cs, 2));
  b.setState(State.fpuData, b.load(image, Fx.data, 4));
  b.setState(State.fpuDs, b.load(image, Fx.ds, 2));
  b.setState(State.mxcsr, mxcsr);
  for (let i = 0; i < registerCount; i++) {
    const register = registerAt(b, top, i);
    const at = Fx.st + (i << registerShift);
    for (let word = 0; word < significandWords; word++) b.store(register, State.fpu + 4 * word, 4, b.load(image, at + 4 * word, 4));
    b.store(register, State.fpu + 8, 4, b.load(image, at + 8, 2));
  }
  for (let word = 0; word < xmmWords; word++) b.setState(State.xmm + 4 * word, b.load(image, Fx.xmm + 4 * word, 4));
}
