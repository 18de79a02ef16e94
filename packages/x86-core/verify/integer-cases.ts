/*
 * Random integer cases: every instruction a user program may execute, in every operand form.
 */
import { Case, type CaseView, type LocalName, Place, Selector, localSegments, localSelector } from './case.js';
import { around, Assembly, flat, Flag, type Form, makeForm, randomState, windowAddress } from './instruction-form.js';
import { Register } from '../src/state.js';
import type { Random } from '../src/testing/random.js';
import type { Group } from './x87-cases.js';

const group = (name: string, ...forms: readonly Form[]): Group => ({
  name,
  make: (random, c) => makeForm(random.pick(forms), random, c),
});

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** The register and memory forms shared by the eight arithmetic instructions. */
function arithmetic(name: string, index: number): Group {
  const base = index * 8;
  const lock = name !== 'cmp';
  return group(
    name,
    { opcode: [base], modrm: 'any', size: 1, lock }, { opcode: [base + 1], modrm: 'any', lock },
    { opcode: [base + 2], modrm: 'any', size: 1 }, { opcode: [base + 3], modrm: 'any' },
    { opcode: [base + 4], immediate: 'b' }, { opcode: [base + 5], immediate: 'z' },
    { opcode: [0x80], modrm: 'any', middle: index, immediate: 'b', size: 1, lock }, { opcode: [0x81], modrm: 'any', middle: index, immediate: 'z', lock },
    { opcode: [0x82], modrm: 'any', middle: index, immediate: 'b', size: 1, lock }, { opcode: [0x83], modrm: 'any', middle: index, immediate: 'b', lock },
  );
}

/** Counts are often small. */
function smallCount(random: Random, c: CaseView): void {
  if (random.oneIn(2)) c.setRegister(Register.ecx, (c.register(Register.ecx) & ~0xff) | random.below(40));
}

/** Every count, of which five bits matter. */
function doubleCount(random: Random, c: CaseView, _: number, length: number): void {
  c.code[length - 1] = random.below(256);
}

function shift(name: string, index: number): Group {
  const any = { modrm: 'any', middle: index } as const;
  return group(
    name,
    { opcode: [0xc0], ...any, immediate: 'b', size: 1 }, { opcode: [0xc1], ...any, immediate: 'b' },
    { opcode: [0xd0], ...any, size: 1 }, { opcode: [0xd1], ...any },
    { opcode: [0xd2], ...any, size: 1, adjust: smallCount }, { opcode: [0xd3], ...any, adjust: smallCount },
  );
}

/** The one-operand instructions of F6 and F7. */
function unary(name: string, index: number, lock = false): Group {
  return group(name, { opcode: [0xf6], modrm: 'any', middle: index, size: 1, lock }, { opcode: [0xf7], modrm: 'any', middle: index, lock });
}

/** Dividends that often leave a quotient that fits. */
function smallDividend(random: Random, c: CaseView): void {
  const kind = random.below(4);
  if (kind === 0) c.setRegister(Register.edx, random.pick([0, 0xffff_ffff, 1]));
  else if (kind === 1) c.setRegister(Register.edx, random.below(0x100));
  else if (kind === 2) c.setRegister(Register.eax, random.below(0x1_0000));
}

/** Bit numbers reach some bytes to either side. */
function nearBit(random: Random, c: CaseView): void {
  const modrm = c.code.findIndex((byte, i) => i > 0 && c.code[i - 1] === 0x0f && [0xa3, 0xab, 0xb3, 0xbb].includes(byte)) + 1;
  const middle = (c.code[modrm]! >> 3) & 7;
  const isMemory = c.code[modrm]! < 0xc0;
  const rm = c.code[modrm]! & 7;
  const base = rm === 4 ? c.code[modrm + 1]! & 7 : rm;
  const index = rm === 4 ? (c.code[modrm + 1]! >> 3) & 7 : rm;
  if (isMemory && middle !== base && middle !== index) c.setRegister(middle, (random.below(1200) - 500) >>> 0);
}

/** Strings: pointers into the window, a modest count. */
function stringPointers(random: Random, c: CaseView): void {
  c.setRegister(Register.esi, windowAddress(random, 4));
  c.setRegister(Register.edi, windowAddress(random, 4));
  c.setRegister(Register.ecx, random.oneIn(12) ? 0 : random.below(24));
  if (random.oneIn(2)) {
    // equal runs, so that comparisons go on for a while
    c.window.fill(random.below(3));
    c.setRegister(Register.eax, (c.window[0]! * 0x0101_0101) >>> 0);
    for (let i = 0; i < 3; i++) c.window[random.below(Place.windowBytes)] = random.below(256);
  }
}

const codeReach = 0x700;
/** An address in the page of INT3, clear of the instruction. */
function landing(random: Random): number {
  return Place.code - around.codeBase + (random.oneIn(2) ? -32 - random.below(codeReach) : 32 + random.below(codeReach));
}

/** Write the relative displacement of a jump at the end of the code. */
function relative(random: Random, c: CaseView, bytes: number, length: number): void {
  const reach = bytes === 1 ? 80 : codeReach;
  const displacement = random.oneIn(2) ? -40 - random.below(reach) : 20 + random.below(reach);
  for (let i = 0; i < bytes; i++) c.code[length - bytes + i] = (displacement >> (8 * i)) & 0xff;
}

/** A jump: opcode bytes and a displacement; now and then with the operand-size prefix. */
function jump(name: string, opcode: readonly number[], short: boolean, adjust?: Form['adjust']): Group {
  return {
    name,
    make: (random, c) => {
      randomState(random, c);
      const narrow = !short && random.oneIn(16);
      const bytes = short ? 1 : narrow !== (around.bits === 16) ? 2 : 4;
      const code = [...(narrow ? [0x66] : []), ...opcode, ...range(bytes)];
      c.setCode(code);
      relative(random, c, bytes, code.length);
      adjust?.(random, c, 4, code.length);
    },
  };
}

/** Where the stack pointer points in the window. */
function stackAt(c: CaseView): number {
  return Case.window + c.register(Register.esp) + around.dataBase - Place.window;
}

/** Put a return address, and what else belongs to a frame, onto the stack. */
function returnFrame(random: Random, c: CaseView, operandSize: number, withSelector: boolean, flags: boolean): void {
  const at = stackAt(c);
  const words = [landing(random), ...(withSelector ? [random.pick(around === flat ? [c.selector(1), c.selector(1), c.selector(1), 0, Selector.data] : [c.selector(1)])] : [])];
  if (flags) words.push(popFlagsImage(random));
  words.forEach((word, i) => {
    if (operandSize === 4) c.view.setUint32(at + 4 * i, word >>> 0, true);
    else c.view.setUint16(at + 2 * i, word & 0xffff, true);
  });
}

/** No alignment check, where its place among other faults is nobody's promise. */
function unaligned(_: Random, c: CaseView): void {
  c.setWord(Case.eflags, c.word(Case.eflags) & ~Flag.ac);
}

/** The same, but in flat segments the alignment check is tried. */
function unalignedElsewhere(random: Random, c: CaseView): void {
  if (around !== flat) unaligned(random, c);
}

/** A flags image without TF, which would trap behind the next instruction, and NT. */
function popFlagsImage(random: Random): number {
  return random.word() & ~0x4100;
}

/** Selectors that mean the same here and there: null ones, ours, one beyond the table, one in no LDT. */
const selectors = [
  0, 1, 2, 3, Selector.code, Selector.data, 0x28, 0x29, 0x2a, 0x2000, 0x2004, 0xf, 0xffff,
  ...(Object.keys(localSegments) as LocalName[]).map(localSelector), localSelector('data16') & ~3,
];

function sweepSelectors(random: Random, c: CaseView): void {
  for (let r = 0; r < 8; r++) {
    if (r !== Register.esp || around !== flat) c.setRegister(r, (random.word() & 0xffff_0000) | random.pick(selectors));
  }
  for (let i = 0; i < Place.windowBytes; i += 2) c.view.setUint16(Case.window + i, random.pick(selectors), true);
}

const conditions = ['o', 'no', 'b', 'ae', 'e', 'ne', 'be', 'a', 's', 'ns', 'p', 'np', 'l', 'ge', 'le', 'g'];
const bitTests = ['bt', 'bts', 'btr', 'btc'];

/** Every integer instruction of a user program. */
export const integerGroups: readonly Group[] = [
  ...['add', 'or', 'adc', 'sbb', 'and', 'sub', 'xor', 'cmp'].map(arithmetic),
  group('inc', ...range(8).map((r) => ({ opcode: [0x40 + r] })), { opcode: [0xfe], modrm: 'any', middle: 0, size: 1, lock: true }, { opcode: [0xff], modrm: 'any', middle: 0, lock: true }),
  group('dec', ...range(8).map((r) => ({ opcode: [0x48 + r] })), { opcode: [0xfe], modrm: 'any', middle: 1, size: 1, lock: true }, { opcode: [0xff], modrm: 'any', middle: 1, lock: true }),
  group('push', ...range(8).map((r) => ({ opcode: [0x50 + r] })), { opcode: [0x68], immediate: 'z' }, { opcode: [0x6a], immediate: 'b' }, { opcode: [0xff], modrm: 'any', middle: 6 }),
  group('push sreg', ...[[0x06], [0x0e], [0x16], [0x1e], [0x0f, 0xa0], [0x0f, 0xa8]].map((opcode) => ({ opcode }))),
  group('pop', ...range(8).map((r) => ({ opcode: [0x58 + r] })), { opcode: [0x8f], modrm: 'any', middle: 0 }),
  group('pop sreg', ...[[0x07], [0x17], [0x1f], [0x0f, 0xa1], [0x0f, 0xa9]].map((opcode) => ({
    opcode, adjust: (random: Random, c: CaseView) => c.view.setUint16(stackAt(c), random.pick(selectors), true),
  }))),
  group('pusha', { opcode: [0x60], prepare: unalignedElsewhere }),
  group('popa', { opcode: [0x61], prepare: unalignedElsewhere }),
  group('bound', { opcode: [0x62], modrm: 'memory', size: 8 }),
  group('arpl', { opcode: [0x63], modrm: 'any', size: 2 }),
  group('imul', { opcode: [0x69], modrm: 'any', immediate: 'z' }, { opcode: [0x6b], modrm: 'any', immediate: 'b' }, { opcode: [0x0f, 0xaf], modrm: 'any' }),
  ...conditions.map((name, i) => jump(`j${name} short`, [0x70 + i], true)),
  ...conditions.map((name, i) => jump(`j${name} near`, [0x0f, 0x80 + i], false)),
  group('test', { opcode: [0x84], modrm: 'any', size: 1 }, { opcode: [0x85], modrm: 'any' }, { opcode: [0xa8], immediate: 'b' }, { opcode: [0xa9], immediate: 'z' },
    { opcode: [0xf6], modrm: 'any', middle: 0, immediate: 'b', size: 1 }, { opcode: [0xf7], modrm: 'any', middle: 0, immediate: 'z' },
    { opcode: [0xf6], modrm: 'any', middle: 1, immediate: 'b', size: 1 }, { opcode: [0xf7], modrm: 'any', middle: 1, immediate: 'z' }),
  group('xchg', { opcode: [0x86], modrm: 'any', size: 1, lock: true }, { opcode: [0x87], modrm: 'any', lock: true }, ...range(8).map((r) => ({ opcode: [0x90 + r] }))),
  group('mov', { opcode: [0x88], modrm: 'any', size: 1 }, { opcode: [0x89], modrm: 'any' }, { opcode: [0x8a], modrm: 'any', size: 1 }, { opcode: [0x8b], modrm: 'any' },
    { opcode: [0xa0], immediate: 'moffs' }, { opcode: [0xa1], immediate: 'moffs' }, { opcode: [0xa2], immediate: 'moffs' }, { opcode: [0xa3], immediate: 'moffs' },
    ...range(8).map((r) => ({ opcode: [0xb0 + r], immediate: 'b' as const })), ...range(8).map((r) => ({ opcode: [0xb8 + r], immediate: 'z' as const })),
    { opcode: [0xc6], modrm: 'memory', middle: 0, immediate: 'b', size: 1 }, { opcode: [0xc7], modrm: 'any', middle: 0, immediate: 'z' }),
  group('mov from sreg', { opcode: [0x8c], modrm: 'any', size: 2 }),
  group('mov to sreg', ...[0, 2, 3, 4, 5, 1, 6, 7].map((middle) => ({ opcode: [0x8e], modrm: 'any' as const, middle, size: 2, prepare: sweepSelectors }))),
  { name: 'mov to and from sreg', make: (random, c) => {
    randomState(random, c);
    sweepSelectors(random, c);
    const [register, from] = [random.pick([0, 3, 4, 5]), random.below(8)];
    const to = random.pick([0, 1, 2, 3, 5, 6, 7]);
    c.setCode([0x8e, 0xc0 | (register << 3) | from, 0x8c, 0xc0 | (register << 3) | to]);
  } },
  group('lea', { opcode: [0x8d], modrm: 'memory' }),
  group('nop hints', { opcode: [0x90], repeat: true }, ...range(8).map((i) => ({ opcode: [0x0f, 0x18 + i], modrm: i === 6 ? ('memory' as const) : ('any' as const) })), { opcode: [0x0f, 0x0d], modrm: 'memory' }),
  group('cbw cwd', { opcode: [0x98] }, { opcode: [0x99] }),
  group('pushf', { opcode: [0x9c] }),
  group('popf', { opcode: [0x9d], adjust: (random, c, size) => {
    if (size === 4) c.view.setUint32(stackAt(c), popFlagsImage(random) >>> 0, true);
    else c.view.setUint16(stackAt(c), popFlagsImage(random) & 0xffff, true);
  } }),
  group('sahf lahf', { opcode: [0x9e] }, { opcode: [0x9f] }),
  ...[['movs', 0xa4], ['cmps', 0xa6], ['stos', 0xaa], ['lods', 0xac], ['scas', 0xae]].map(([name, opcode]) =>
    group(name as string, { opcode: [opcode as number], repeat: true, prepare: unaligned, adjust: stringPointers }, { opcode: [(opcode as number) + 1], repeat: true, prepare: unaligned, adjust: stringPointers })),
  ...['rol', 'ror', 'rcl', 'rcr', 'shl', 'shr', 'sal', 'sar'].map(shift),
  group('ret', { opcode: [0xc3], repeat: true, adjust: (random, c, size) => returnFrame(random, c, size, false, false) },
    { opcode: [0xc2], immediate: 'w', adjust: (random, c, size) => returnFrame(random, c, size, false, false) }),
  group('ret far', { opcode: [0xcb], prepare: unaligned, adjust: (random, c, size) => returnFrame(random, c, size, true, false) },
    { opcode: [0xca], immediate: 'w', prepare: unaligned, adjust: (random, c, size) => {
      c.code[c.code.indexOf(0xca) + 1] = random.below(64);
      c.code[c.code.indexOf(0xca) + 2] = 0;
      returnFrame(random, c, size, true, false);
    } }),
  group('iret', { opcode: [0xcf], prepare: unaligned, adjust: (random, c, size) => returnFrame(random, c, size, true, true) }),
  group('les lds lfs lgs lss', ...[[0xc4], [0xc5], [0x0f, 0xb2], [0x0f, 0xb4], [0x0f, 0xb5]].map((opcode) => ({ opcode, modrm: 'memory' as const, size: 6, prepare: sweepSelectors }))),
  group('enter', { opcode: [0xc8], immediate: 'wb', adjust: (random, c) => c.setRegister(Register.ebp, (Place.window + 64 + random.below(190) - around.dataBase) >>> 0) }),
  group('leave', { opcode: [0xc9], adjust: (random, c) => c.setRegister(Register.ebp, windowAddress(random, 4)) }),
  group('int3', { opcode: [0xcc] }),
  group('into', { opcode: [0xce] }),
  { name: 'int n', make: (random, c) => {
    randomState(random, c);
    let vector = random.below(256);
    if (vector === 0x80) vector = 0x20;
    c.setCode([0xcd, vector]);
  } },
  group('daa das', { opcode: [0x27] }, { opcode: [0x2f] }),
  group('aaa aas', { opcode: [0x37] }, { opcode: [0x3f] }),
  group('aam', { opcode: [0xd4], immediate: 'b' }),
  group('aad', { opcode: [0xd5], immediate: 'b' }),
  group('salc', { opcode: [0xd6] }),
  group('xlat', { opcode: [0xd7], adjust: (random, c) => c.setRegister(Register.ebx, (Place.window - around.dataBase - (random.below(100) & c.register(0) & 0xff)) >>> 0) }),
  ...['loopne', 'loope', 'loop', 'jecxz'].map((name, i) => jump(name, [0xe0 + i], true, (random, c) => {
    if (random.oneIn(2)) c.setRegister(Register.ecx, random.below(3));
  })),
  group('in out', ...[0xe4, 0xe5, 0xe6, 0xe7].map((opcode) => ({ opcode: [opcode], immediate: 'b' as const })), ...[0xec, 0xed, 0xee, 0xef].map((opcode) => ({ opcode: [opcode] })),
    ...[0x6c, 0x6d, 0x6e, 0x6f].map((opcode) => ({ opcode: [opcode], repeat: true, adjust: stringPointers }))),
  jump('call', [0xe8], false),
  jump('jmp near', [0xe9], false),
  jump('jmp short', [0xeb], true),
  group('call jmp indirect', ...[2, 4].map((middle) => ({ opcode: [0xff], modrm: 'register' as const, middle, adjust: (random: Random, c: CaseView) => {
    const modrm = c.code.indexOf(0xff) + 1;
    // nobody executes the stack
    if ((c.code[modrm]! & 7) === Register.esp) c.code[modrm]! ^= 1;
    c.setRegister(c.code[modrm]! & 7, landing(random));
  } })), ...[2, 4].map((middle) => ({ opcode: [0xff], modrm: 'memory' as const, middle, inside: true, adjust: (random: Random, c: CaseView) => {
    for (let i = 0; i < Place.windowBytes; i += 4) c.setWord(Case.window + i, landing(random));
  } }))),
  group('call jmp far indirect', ...[3, 5].map((middle) => ({ opcode: [0xff], modrm: 'memory' as const, middle, size: 6, inside: true, adjust: (random: Random, c: CaseView, size: number) => {
    const selector = random.pick([c.selector(1), c.selector(1), 0, Selector.data, 0x2000]);
    const step = 8;
    for (let i = 0; i + step <= Place.windowBytes; i += step) {
      c.setWord(Case.window + i, landing(random));
      if (size === 4) c.setWord(Case.window + i + 4, selector);
      else c.view.setUint16(Case.window + i + 2, selector, true);
    }
  } }))),
  { name: 'call jmp far', make: (random, c) => {
    randomState(random, c);
    const target = landing(random);
    const selector = random.pick([c.selector(1), c.selector(1), c.selector(1), 0, Selector.data, 0x2000]);
    const code = new Assembly();
    code.push(random.pick([0x9a, 0xea]), 1);
    code.push(target, around.bits / 8);
    code.push(selector, 2);
    c.setCode(code.bytes);
  } },
  group('cmc clc stc cld std', ...[0xf5, 0xf8, 0xf9, 0xfc, 0xfd].map((opcode) => ({ opcode: [opcode] }))),
  group('privileged', ...[[0xf4], [0xfa], [0xfb], [0x0f, 0x06], [0x0f, 0x08], [0x0f, 0x09], [0x0f, 0x30], [0x0f, 0x32]].map((opcode) => ({ opcode })),
    ...[0x20, 0x22, 0x21, 0x23].map((opcode) => ({ opcode: [0x0f, opcode], modrm: 'register' as const, middle: opcode & 1 ? 7 : 0, noOperandSize: true, noLock: true }))),
  unary('not', 2, true), unary('neg', 3, true), unary('mul', 4), unary('imul wide', 5),
  group('div', { opcode: [0xf6], modrm: 'any', middle: 6, size: 1, prepare: smallDividend }, { opcode: [0xf7], modrm: 'any', middle: 6, prepare: smallDividend }),
  group('idiv', { opcode: [0xf6], modrm: 'any', middle: 7, size: 1, prepare: smallDividend }, { opcode: [0xf7], modrm: 'any', middle: 7, prepare: smallDividend }),
  group('lar lsl', { opcode: [0x0f, 0x02], modrm: 'any', size: 2, prepare: sweepSelectors }, { opcode: [0x0f, 0x03], modrm: 'any', size: 2, prepare: sweepSelectors }),
  group('verr verw', { opcode: [0x0f, 0x00], modrm: 'any', middle: 4, size: 2, noLock: true, prepare: sweepSelectors }, { opcode: [0x0f, 0x00], modrm: 'any', middle: 5, size: 2, noLock: true, prepare: sweepSelectors }),
  group('undefined', { opcode: [0x0f, 0x0b] }, { opcode: [0x0f, 0xb9], modrm: 'register' }, { opcode: [0xfe], modrm: 'any', middle: 2 }, { opcode: [0xff], modrm: 'any', middle: 7 }, { opcode: [0x8d], modrm: 'register' },
    { opcode: [0x0f, 0xba], modrm: 'any', middle: 1, immediate: 'b' }),
  group('cmovcc', ...range(16).map((i) => ({ opcode: [0x0f, 0x40 + i], modrm: 'any' as const }))),
  group('setcc', ...range(16).map((i) => ({ opcode: [0x0f, 0x90 + i], modrm: 'any' as const, size: 1 }))),
  ...bitTests.map((name, i) => group(name, { opcode: [0x0f, 0xa3 + 8 * i], modrm: 'any', lock: i > 0, adjust: nearBit }, { opcode: [0x0f, 0xba], modrm: 'any', middle: 4 + i, immediate: 'b', lock: i > 0 })),
  group('shld', { opcode: [0x0f, 0xa4], modrm: 'any', immediate: 'b', adjust: doubleCount }, { opcode: [0x0f, 0xa5], modrm: 'any', adjust: smallCount }),
  group('shrd', { opcode: [0x0f, 0xac], modrm: 'any', immediate: 'b', adjust: doubleCount }, { opcode: [0x0f, 0xad], modrm: 'any', adjust: smallCount }),
  group('cmpxchg', { opcode: [0x0f, 0xb0], modrm: 'any', size: 1, lock: true, prepare: matchAccumulator }, { opcode: [0x0f, 0xb1], modrm: 'any', lock: true, prepare: matchAccumulator }),
  group('movzx movsx', ...[0xb6, 0xb7, 0xbe, 0xbf].map((opcode) => ({ opcode: [0x0f, opcode], modrm: 'any' as const, size: 2 }))),
  group('bsf', { opcode: [0x0f, 0xbc], modrm: 'any', adjust: oftenZero }),
  group('bsr', { opcode: [0x0f, 0xbd], modrm: 'any', adjust: oftenZero }),
  group('xadd', { opcode: [0x0f, 0xc0], modrm: 'any', size: 1, lock: true }, { opcode: [0x0f, 0xc1], modrm: 'any', lock: true }),
  group('cmpxchg8b', { opcode: [0x0f, 0xc7], modrm: 'memory', middle: 1, size: 8, lock: true, prepare: matchPair }),
  group('bswap', ...range(8).map((r) => ({ opcode: [0x0f, 0xc8 + r] }))),
];

function matchAccumulator(random: Random, c: CaseView): void {
  if (random.oneIn(2)) for (let i = 0; i < Place.windowBytes; i += 4) c.setWord(Case.window + i, c.register(Register.eax));
}

function matchPair(random: Random, c: CaseView): void {
  if (!random.oneIn(2)) return;
  c.setRegister(Register.eax, 0x5a5a_5a5a);
  c.setRegister(Register.edx, 0x5a5a_5a5a);
  c.window.fill(0x5a);
}

function oftenZero(random: Random, c: CaseView): void {
  if (random.oneIn(3)) c.window.fill(0);
}
