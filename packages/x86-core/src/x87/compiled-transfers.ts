/*
 * Loads, stores, exchanges, constants, signs, and what moves the control and status words.
 */
import { Feature } from '../cpuid.js';
import type { OperationBuilder } from '../operations/operation.js';
import { State } from '../state.js';
import type { Value } from '../wasm/function-builder.js';
import { memoryOperation, registerOperation, Stack, statusOf } from './compiled.js';
import { type Extended, isNormal, isZero, signBit } from './compiled-number.js';
import { fromInteger, loadFormat, loadForms, roundToInteger, storeFormat, storeForms } from './compiled-formats.js';
import { Control, Exception, Status } from './environment.js';
import { bias } from './float80.js';
import { Format } from './transfer.js';

for (const { load, middle, format, bytes } of loadForms) {
  memoryOperation({ opcode: load, middle, bytes, frequent: format === Format.double }, (b) => {
    const stack = new Stack(b);
    stack.needRoom();
    stack.push(loadFormat(b, format));
  });
}

function roundingControl(b: OperationBuilder): Value {
  return b.do('i32.and', b.do('i32.shr_u', b.state(State.fpuControl), b.i32(Control.roundingShift)), b.i32(3));
}

const integerStores: Readonly<Record<number, 'i32.store16' | 'i32.store'>> = { [Format.int16]: 'i32.store16', [Format.int32]: 'i32.store' };
const isInteger = (format: number): boolean => format === Format.int16 || format === Format.int32 || format === Format.int64;

/** ST(0) to memory. @returns flags */
function store(b: OperationBuilder, stack: Stack, format: number, bytes: number): Value {
  if (!isInteger(format)) {
    if (format !== Format.extended) stack.needUsual('store');
    return storeFormat(b, format, stack.read(0));
  }
  stack.needUsual('integer');
  const { integer, flags } = roundToInteger(b, stack.read(0), roundingControl(b), bytes * 8);
  if (format === Format.int64) b.store('i64.store', b.operand, integer);
  else b.store(integerStores[format]!, b.operand, b.do('i32.wrap_i64', integer));
  return flags;
}
for (const { format, bytes, opcode, keep, pop } of storeForms) {
  for (const [middle, pops] of [[keep, 0], [pop, 1]] as const) {
    if (middle === undefined) continue;
    memoryOperation({ opcode, middle, bytes, write: true, frequent: format === Format.double }, (b) => {
      const stack = new Stack(b);
      stack.finish(store(b, stack, format, bytes), pops);
    });
  }
}

/** FRNDINT. */
registerOperation(0xd9, 0xfc, 1, (b) => {
  const stack = new Stack(b);
  stack.needUsual('integer');
  const x = stack.read(0);
  const { integer, flags } = roundToInteger(b, x, roundingControl(b), 64);
  const { significand, top } = fromInteger(b, integer);
  // what becomes zero keeps its sign
  stack.write(0, { significand, top: b.do('i32.or', top, b.do('i32.and', x.top, b.i32(signBit))) });
  stack.finish(flags);
});

/** FLD ST(i). */
registerOperation(0xd9, 0xc0, 8, (b) => {
  const stack = new Stack(b);
  const value = stack.read(b.operand);
  stack.needRoom();
  stack.push(value);
}, { frequent: true });
// FST ST(i), FSTP ST(i)
for (const [modrm, pops] of [[0xd0, 0], [0xd8, 1]] as const) {
  registerOperation(0xdd, modrm, 8, (b) => {
    const stack = new Stack(b);
    const value = stack.read(0);
    stack.write(b.operand, value);
    stack.use(b.operand);
    stack.finish(undefined, pops);
  }, { frequent: pops > 0 });
}
/** FXCH ST(i). */
registerOperation(0xd9, 0xc8, 8, (b) => {
  const stack = new Stack(b);
  const [first, other] = [stack.read(0), stack.read(b.operand)];
  stack.write(0, other);
  stack.write(b.operand, first);
  stack.finish();
}, { frequent: true });
// FCHS, FABS
for (const [modrm, change] of [[0xe0, 'i32.xor'], [0xe1, 'i32.and']] as const) {
  registerOperation(0xd9, modrm, 1, (b) => {
    const stack = new Stack(b);
    const { significand, top, double } = stack.read(0);
    stack.write(0, {
      significand, top: b.do(change, top, b.i32(change === 'i32.xor' ? signBit : ~signBit)),
      ...(double && { double: change === 'i32.xor' ? b.do('i64.xor', double, b.i64(1n << 63n)) : b.do('i64.and', double, b.i64(~(1n << 63n))) }),
    });
    stack.finish();
  });
}
// FLD1, FLDZ: the constants that no rounding concerns
for (const [modrm, significand, top, double] of [[0xe8, 1n << 63n, bias, 0x3ffn << 52n], [0xee, 0n, 0, 0n]] as const) {
  registerOperation(0xd9, modrm, 1, (b) => {
    const stack = new Stack(b);
    stack.needRoom();
    stack.push({ significand: b.i64(significand), top: b.i32(top), double: b.i64(double) });
  });
}
/** FXAM of what is no oddity: normal numbers C2, zeros C3; C1 is the sign. */
registerOperation(0xd9, 0xe5, 1, (b) => {
  const stack = new Stack(b);
  const x: Extended = stack.read(0);
  const zero = isZero(b, x);
  b.unusual(b.do('i32.eqz', b.do('i32.or', zero, isNormal(b, x))));
  stack.finishComparison(b.select(zero, b.i32(Status.c3), b.i32(Status.c2)), 0, b.do('i32.shr_u', x.top, b.i32(15)));
});

/** FCMOVcc: carry, zero, both, parity; the second row is their opposites. Lazy flags: see flags.ts. */
const conditions: readonly ((b: OperationBuilder) => Value)[] = [carry, zero, (b) => b.do('i32.or', carry(b), zero(b)), parity];
function carry(b: OperationBuilder): Value {
  return b.do('i32.lt_u', b.state(State.flagSum), b.state(State.flagAddend));
}
function zero(b: OperationBuilder): Value {
  return b.do('i32.eqz', b.state(State.flagZero));
}
function parity(b: OperationBuilder): Value {
  const ones = b.do('i32.popcnt', b.do('i32.and', b.state(State.flagSign), b.i32(0xff)));
  return b.do('i32.eqz', b.do('i32.and', ones, b.i32(1)));
}
function either(b: OperationBuilder, condition: Value, yes: Extended, no: Extended): Extended {
  return {
    significand: b.select(condition, yes.significand, no.significand),
    top: b.select(condition, yes.top, no.top),
    ...(yes.double && no.double && { double: b.select(condition, yes.double, no.double) }),
  };
}
for (const [opcode, wanted] of [[0xda, 1], [0xdb, 0]] as const) {
  conditions.forEach((holds, i) => {
    registerOperation(opcode, 0xc0 + 8 * i, 8, (b) => {
      const stack = new Stack(b);
      const current = stack.read(0);
      const moves = b.do('i32.eq', holds(b), b.i32(wanted));
      stack.write(0, either(b, moves, stack.read(b.operand), current));
    }, { flags: true, feature: Feature.cmov });
  });
}

// ── control and status ──────────────────────────────────────────────────────────────────────────────────────────────

/** FLDCW: unless it unmasks what has happened already. */
memoryOperation({ opcode: 0xd9, middle: 5, bytes: 2, control: true }, (b) => {
  const value = b.load('i32.load16_u', b.operand);
  const unmasked = b.do('i32.and', b.state(State.fpuStatus), b.do('i32.xor', value, b.i32(-1)));
  b.unusual(b.do('i32.and', unmasked, b.i32(Exception.all)));
  b.setState(State.fpuControl, b.do('i32.or', b.do('i32.and', value, b.i32(Control.writable)), b.i32(Control.alwaysSet)));
});
function statusWord(b: OperationBuilder): Value {
  return b.do('i32.or', statusOf(b), b.do('i32.shl', b.state(State.fpuTop), b.i32(Status.topShift)));
}

/** FNSTCW, FNSTSW. */
memoryOperation({ opcode: 0xd9, middle: 7, bytes: 2, write: true, control: true, noWait: true }, (b) => {
  b.store('i32.store16', b.operand, b.state(State.fpuControl));
});
memoryOperation({ opcode: 0xdd, middle: 7, bytes: 2, write: true, control: true, noWait: true }, (b) => {
  b.store('i32.store16', b.operand, statusWord(b));
});
registerOperation(0xdf, 0xe0, 1, (b) => {
  b.store('i32.store16', b.register, statusWord(b));
}, { control: true, noWait: true, register: State.gpr });
