/*
 * Operations that move: whole registers, parts of them, lanes by number.
 */
import type { OperationBuilder } from '../operations/operation.js';
import { State } from '../state.js';
import type { Value } from '../wasm/function-builder.js';
import { loadVector, type RegisterFile, storeVector, vectorOperation, vectorUnit } from './compiled.js';
import { Extension } from './operands.js';
import { Prefix } from './prefix.js';

const { none, operandSize, rep, repne } = Prefix;
const { mmx, sse, sse2 } = Extension;
const [mm, xmm] = [8, 16] as const;

// ── whole registers ─────────────────────────────────────────────────────────────────────────────────────────────────

const whole: readonly (readonly [prefix: number, load: number, store: number, extension: number, file: RegisterFile, aligned: boolean])[] = [
  [none, 0x6f, 0x7f, mmx, 'm', false], [operandSize, 0x6f, 0x7f, sse2, 'x', true], [rep, 0x6f, 0x7f, sse2, 'x', false],
  [none, 0x10, 0x11, sse, 'x', false], [operandSize, 0x10, 0x11, sse2, 'x', false],
  [none, 0x28, 0x29, sse, 'x', true], [operandSize, 0x28, 0x29, sse2, 'x', true],
];
for (const [prefix, load, store, extension, file, aligned] of whole) {
  const bytes = file === 'x' ? xmm : mm;
  const files = `${file}${file}` as const;
  vectorOperation({ prefix, opcode: load, extension, files, bytes, aligned }, (b) => {
    storeVector(b, bytes, b.register, loadVector(b, bytes, b.operand));
  });
  vectorOperation({ prefix, opcode: store, extension, files, bytes, aligned, write: true, only: 'memory' }, (b) => {
    if (bytes === xmm) b.store('v128.store', b.operand, b.load('v128.load', b.register));
    else b.store('i64.store', b.operand, b.load('i64.load', b.register));
  });
  vectorOperation({ prefix, opcode: store, extension, files, bytes, only: 'register' }, (b) => {
    storeVector(b, bytes, b.operand, loadVector(b, bytes, b.register));
  });
}
// non-temporal stores
for (const [prefix, opcode, extension] of [[none, 0x2b, sse], [operandSize, 0x2b, sse2], [operandSize, 0xe7, sse2]] as const) {
  vectorOperation({ prefix, opcode, extension, files: 'xx', bytes: xmm, write: true, only: 'memory', aligned: true }, (b) => {
    b.store('v128.store', b.operand, b.load('v128.load', b.register));
  });
}
vectorOperation({ prefix: none, opcode: 0xe7, extension: sse, files: 'mm', bytes: mm, write: true, only: 'memory' }, (b) => {
  b.store('i64.store', b.operand, b.load('i64.load', b.register));
});
vectorOperation({ prefix: none, opcode: 0xc3, extension: sse2, files: 'gg', bytes: 4, write: true, only: 'memory' }, (b) => {
  b.store('i32.store', b.operand, b.load('i32.load', b.register));
});

// ── scalars and halves ──────────────────────────────────────────────────────────────────────────────────────────────

for (const [prefix, extension, bytes] of [[rep, sse, 4], [repne, sse2, 8]] as const) {
  const scalar = { prefix, extension, files: 'xx', bytes } as const;
  const [load, store] = bytes === 4 ? ['i32.load', 'i32.store'] as const : ['i64.load', 'i64.store'] as const;
  vectorOperation({ ...scalar, opcode: 0x10, only: 'memory' }, (b) => {
    b.store('v128.store', b.register, b.load(bytes === 4 ? 'v128.load32_zero' : 'v128.load64_zero', b.operand));
  });
  vectorOperation({ ...scalar, opcode: 0x10, only: 'register' }, (b) => b.store(store, b.register, b.load(load, b.operand)));
  vectorOperation({ ...scalar, opcode: 0x11, only: 'memory', write: true }, (b) => b.store(store, b.operand, b.load(load, b.register)));
  vectorOperation({ ...scalar, opcode: 0x11, only: 'register' }, (b) => b.store(store, b.operand, b.load(load, b.register)));
}
// MOVQ
vectorOperation({ prefix: rep, opcode: 0x7e, extension: sse2, files: 'xx', bytes: 8 }, (b) => {
  b.store('v128.store', b.register, b.load('v128.load64_zero', b.operand));
});
vectorOperation({ prefix: operandSize, opcode: 0xd6, extension: sse2, files: 'xx', bytes: 8, write: true, only: 'memory' }, (b) => {
  b.store('i64.store', b.operand, b.load('i64.load', b.register));
});
vectorOperation({ prefix: operandSize, opcode: 0xd6, extension: sse2, files: 'xx', bytes: 8, only: 'register' }, (b) => {
  b.store('v128.store', b.operand, b.load('v128.load64_zero', b.register));
});
// MOVLPS, MOVHPS, MOVLPD, MOVHPD, MOVHLPS, MOVLHPS
for (const [prefix, extension] of [[none, sse], [operandSize, sse2]] as const) {
  for (const [opcode, half] of [[0x12, 0], [0x16, 1]] as const) {
    vectorOperation({ prefix, opcode, extension, files: 'xx', bytes: 8, only: 'memory' }, (b) => {
      b.store('i64.store', b.register, b.load('i64.load', b.operand), 8 * half);
    });
    if (prefix === none) {
      vectorOperation({ prefix, opcode, extension, files: 'xx', bytes: 8, only: 'register' }, (b) => {
        b.store('i64.store', b.register, b.load('i64.load', b.operand, 8 * (1 - half)), 8 * half);
      });
    }
    vectorOperation({ prefix, opcode: opcode + 1, extension, files: 'xx', bytes: 8, write: true, only: 'memory' }, (b) => {
      b.store('i64.store', b.operand, b.load('i64.load', b.register, 8 * half));
    });
  }
}
// MOVD
for (const [prefix, extension, file, bytes] of [[none, mmx, 'm', mm], [operandSize, sse2, 'x', xmm]] as const) {
  const files = `${file}g` as const;
  vectorOperation({ prefix, opcode: 0x6e, extension, files, bytes: 4 }, (b) => {
    storeVector(b, bytes, b.register, b.load('v128.load32_zero', b.operand));
  });
  const store = (b: OperationBuilder): void => b.store('i32.store', b.operand, b.load('i32.load', b.register));
  vectorOperation({ prefix, opcode: 0x7e, extension, files, bytes: 4, write: true, only: 'memory' }, store);
  vectorOperation({ prefix, opcode: 0x7e, extension, files, bytes: 4, only: 'register' }, store);
}

// ── lanes ───────────────────────────────────────────────────────────────────────────────────────────────────────────

const words = { 2: ['i32.load16_u', 'i32.store16'], 4: ['i32.load', 'i32.store'], 8: ['i64.load', 'i64.store'] } as const;

/** A lane of the result: from which operand (its lanes begin at byte `base`), and the immediate's bits that pick one. */
interface Pick { readonly from: 'register' | 'operand'; readonly base: number; readonly to: number; readonly shift: number }

/** Fill lanes of the register, `to` being their place in bytes; other bytes are the operand's. */
function pick(b: OperationBuilder, bytes: 8 | 16, width: 2 | 4 | 8, lanes: readonly Pick[]): void {
  const [load, store] = words[width];
  const mask = width === 8 ? 1 : 3;
  const { constant } = b.immediate;
  if (constant !== undefined) {
    // known while compiling: one shuffle
    const order = Array.from({ length: 16 }, (_, i) => 16 + i);
    for (const { from, base, to, shift } of lanes) {
      const first = (from === 'operand' ? 16 : 0) + base + ((constant >> shift) & mask) * width;
      for (let i = 0; i < width; i++) order[to + i] = first + i;
    }
    return storeVector(b, bytes, b.register, b.shuffle(loadVector(b, bytes, b.register), loadVector(b, bytes, b.operand), order));
  }
  const picked = lanes.map(({ from, base, shift }) => {
    const lane = b.do('i32.and', b.do('i32.shr_u', b.immediate, b.i32(shift)), b.i32(mask));
    return b.load(load, b.do('i32.add', b[from], b.do('i32.mul', lane, b.i32(width))), base);
  });
  const rest = lanes.length * width < bytes ? loadVector(b, bytes, b.operand) : undefined;
  if (rest) b.store('v128.store', b.register, rest);
  lanes.forEach(({ to }, i) => b.store(store, b.register, picked[i]!, to));
  if (bytes === mm) b.store('i32.store', b.register, b.i32(0xffff), 8);
}

const four = [0, 1, 2, 3] as const;
const shuffles: readonly (readonly [prefix: number, opcode: number, extension: number, bytes: 8 | 16, width: 2 | 4 | 8, lanes: readonly Pick[]])[] = [
  // PSHUFD, PSHUFW, PSHUFLW, PSHUFHW
  [operandSize, 0x70, sse2, xmm, 4, four.map((i) => ({ from: 'operand', base: 0, to: 4 * i, shift: 2 * i }))],
  [none, 0x70, sse, mm, 2, four.map((i) => ({ from: 'operand', base: 0, to: 2 * i, shift: 2 * i }))],
  [repne, 0x70, sse2, xmm, 2, four.map((i) => ({ from: 'operand', base: 0, to: 2 * i, shift: 2 * i }))],
  [rep, 0x70, sse2, xmm, 2, four.map((i) => ({ from: 'operand', base: 8, to: 8 + 2 * i, shift: 2 * i }))],
  // SHUFPS, SHUFPD
  [none, 0xc6, sse, xmm, 4, four.map((i) => ({ from: i < 2 ? 'register' : 'operand', base: 0, to: 4 * i, shift: 2 * i }))],
  [operandSize, 0xc6, sse2, xmm, 8, [{ from: 'register', base: 0, to: 0, shift: 0 }, { from: 'operand', base: 0, to: 8, shift: 1 }]],
];
for (const [prefix, opcode, extension, bytes, width, lanes] of shuffles) {
  vectorOperation({ prefix, opcode, extension, files: bytes === mm ? 'mm' : 'xx', bytes, aligned: bytes === xmm }, (b) => pick(b, bytes, width, lanes));
}
for (const [prefix, extension, file, bytes] of [[none, sse, 'm', mm], [operandSize, sse2, 'x', xmm]] as const) {
  const word = (b: OperationBuilder, address: Value): Value =>
    b.do('i32.add', address, b.do('i32.mul', b.do('i32.and', b.immediate, b.i32(bytes / 2 - 1)), b.i32(2)));
  vectorOperation({ prefix, opcode: 0xc4, extension, files: `${file}g`, bytes: 2 }, (b) => {
    b.store('i32.store16', word(b, b.register), b.load('i32.load16_u', b.operand));
    if (bytes === mm) b.store('i32.store', b.register, b.i32(0xffff), 8);
  });
  vectorOperation({ prefix, opcode: 0xc5, extension, files: `g${file}`, bytes: 0, only: 'register' }, (b) => {
    b.store('i32.store', b.register, b.load('i32.load16_u', word(b, b.operand)));
  });
  vectorOperation({ prefix, opcode: 0xd7, extension, files: `g${file}`, bytes: 0, only: 'register' }, (b) => {
    b.store('i32.store', b.register, b.do('i8x16.bitmask', loadVector(b, bytes, b.operand)));
  });
}
for (const [prefix, extension, name] of [[none, sse, 'i32x4.bitmask'], [operandSize, sse2, 'i64x2.bitmask']] as const) {
  vectorOperation({ prefix, opcode: 0x50, extension, files: 'gx', bytes: 0, only: 'register' }, (b) => {
    b.store('i32.store', b.register, b.do(name, b.load('v128.load', b.operand)));
  });
}

/** EMMS: all registers of the x87 are empty. */
export const emmsOperation = vectorUnit.operation({ name: 'emms', guard: 0x81 }, (b) => {
  b.setState(State.fpuTags, b.i32(0));
  b.setState(State.fpuTop, b.i32(0));
});
