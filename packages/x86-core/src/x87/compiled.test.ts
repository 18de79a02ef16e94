/*
 * The x87 in generated code against the reference: numbers chosen for where rounding, carrying and cancelling are at
 * their edges, a few thousand at a time in a loop, so that regions of the JIT do them as well as the interpreter.
 */
import { describe, expect, it } from 'vitest';
import { type EngineName, ExitReason, type Machine } from '../index.js';
import { State } from '../state.js';
import { flatMachine } from '../testing/flat-machine.js';
import { Random } from '../testing/random.js';

const controlAt = 0x8000;
const gdtAt = 0x9000;
const tableAt = 0x2_0000;
const resultsAt = 0x20_0000;
/** Bytes of an operand in the table, two for each case, and of a result. */
const slot = 16;
const usualControl = 0x37f;

/** An 80-bit number: its sixteen upper bits, and the significand. */
type Extended = readonly [top: number, significand: bigint];
type Case<Operand> = readonly [Operand, Operand];

function machineWith(source: string, engine: EngineName): Machine {
  const machine = flatMachine(source, 0x1_8000, { physicalBytes: 8 << 20, engine, jit: { hotAfter: 1, steps: false } });
  const { cpu, physical } = machine;
  // flat data segments, one behind another
  for (let i = 2; i < 8; i++) {
    physical.write32(gdtAt + 8 * i, 0xffff);
    physical.write32(gdtAt + 8 * i + 4, 0x00cf_9300);
  }
  cpu.setGdt(gdtAt, 0x3f);
  return machine;
}

/** All that the x87 is, as text. */
function stateOf({ cpu }: Machine): string {
  const { u8, i32 } = cpu.processor;
  const hex = (from: number, to: number): string => Buffer.from(u8.subarray(from, to)).toString('hex');
  return `${hex(State.fpuControl, State.fpu)} top ${i32[State.fpuTop >> 2]} ${hex(State.fpu, State.fpu + 128)} eip ${cpu.eip} eax ${cpu.regs[0]}`;
}

/** Run a program on the reference and on an engine, so many instructions in pieces of odd lengths. All must be alike after each. */
function compare(source: string, engine: EngineName, instructions: number, prepare: (machine: Machine) => void, name = ''): Machine {
  const [tried, reference] = [machineWith(source, engine), machineWith(source, 'reference')];
  for (const machine of [tried, reference]) prepare(machine);
  for (let done = 0, i = 1; done < instructions; i++) {
    const length = Math.min(instructions - done, 1 + ((i * 7919) % 30_011));
    for (const { cpu } of [tried, reference]) expect(cpu.run(length).reason).toBe(ExitReason.budget);
    done += length;
    expect(stateOf(tried), `${name} after ${done}`).toBe(stateOf(reference));
  }
  const differences = Buffer.compare(tried.physical.bytes, reference.physical.bytes) === 0 ? [] : firstDifferences(tried, reference);
  expect(differences, name).toEqual([]);
  return tried;
}

/** Results that are not alike, a few. */
function firstDifferences(tried: Machine, reference: Machine): string[] {
  const found: string[] = [];
  for (let at = 0; at < tried.physical.bytes.length && found.length < 5; at += slot) {
    const [a, b] = [tried, reference].map(({ physical }) => Buffer.from(physical.bytes.subarray(at, at + slot)).toString('hex'));
    if (a !== b) found.push(`case ${Math.floor((at - resultsAt) / slot)}: ${a} instead of ${b}`);
  }
  return found;
}

const writeDouble = (view: DataView, at: number, value: number): void => view.setFloat64(at, value, true);
function writeExtended(view: DataView, at: number, [top, significand]: Extended): void {
  view.setBigUint64(at, significand, true);
  view.setUint16(at + 8, top, true);
}

/** Both operands of all cases, `slot` bytes each. */
function tableOf<Operand>(cases: readonly Case<Operand>[], write: (view: DataView, at: number, value: Operand) => void): Uint8Array {
  const bytes = new Uint8Array(cases.length * 2 * slot);
  const view = new DataView(bytes.buffer);
  cases.forEach((operands, i) => operands.forEach((operand, j) => write(view, (2 * i + j) * slot, operand)));
  return bytes;
}

/** Twice around all cases: each body has its operands at (%esi) and 16(%esi), leaves its results at (%edi), and moves that on. */
function loopOver(body: string, cases: number): string {
  return `fldcw ${controlAt}\nbegin: mov $${tableAt}, %esi\nmov $${resultsAt}, %edi\nmov $${cases}, %ecx
    again: ${body}\nadd $${2 * slot}, %esi\ndec %ecx\njnz again\njmp begin`;
}
/** Store the status word and ST(0); the other way round C1 would be lost. */
const keep = `fnstsw 10(%edi)\nfstpt (%edi)\nadd $${slot}, %edi\n`;

const engines = ['interpreter', 'jit'] as const;

function check(body: string, engine: EngineName, bytes: Uint8Array, control = usualControl, routines = ''): Machine {
  const cases = bytes.length / (2 * slot);
  const instructions = 2 * cases * (body.trim().split('\n').length + 3);
  return compare(`${loopOver(body, cases)}\n${routines}`, engine, instructions, ({ physical }) => {
    physical.write(tableAt, bytes);
    physical.write16(controlAt, control);
  }, `control word ${control.toString(16)}`);
}

/** Round to nearest; the other roundings; 53 and 24 bits. */
const controls = [0x37f, 0x77f, 0xb7f, 0xf7f, 0x27f, 0x07f];
/** All cases the usual way; a part of them with other control words. */
const every = <Operand>(cases: readonly Case<Operand>[], control: number): readonly Case<Operand>[] =>
  control === usualControl ? cases : cases.filter((_, i) => i % 23 === 0);

// ── products ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Factors of 2^65, 2^66 and 2^67 less a little: products that 53 bits round up to a power of two, and 64 bits may. */
const closeBelow: readonly Case<number>[] = [
  [253921, 145295143558111], [7141566890, 5166021507], [11272057, 3273004044197], [6125464324, 6022970047], [12681, 2909351640045667],
  [101114, 364870227143809], [1843903, 20008367114441], [291417, 126600329244413], [8589934593, 8589934591], [507842, 145295143558111],
  [6220628171, 11861659991], [22544114, 3273004044197], [28427489213, 2595620589], [8589934595, 8589934589], [12569216397, 5870451583],
  [193707721, 761838257287], [21086730575, 6998427379], [29397, 5020034445340559], [9010133, 16378665286037], [11913368571, 12387256527],
];
const special = [
  0, -0, 1, -1, 1.5, 3, 2 ** 52 + 1, 2 ** 53 - 1, 1 - 2 ** -53, 1 + 2 ** -52, 2 ** -1022, -(2 ** -1022), 2 ** -1074, 2 ** -1030 * 1.5, Number.MAX_VALUE,
  Infinity, -Infinity, Number.NaN, 2 ** 511 * 1.3, 2 ** 600, 2 ** -511 * 1.7, 2 ** -600, 0.1, -0.3,
];

function doubleCases(): Case<number>[] {
  const random = new Random(87);
  const word = (): number => random.word() >>> 0;
  const bits = (count: number): number => Number(((BigInt(word()) << 32n) | BigInt(word())) & ((1n << BigInt(count)) - 1n)) * 2 + 1;
  const signed = (value: number): number => (random.oneIn(2) ? -value : value);
  return [
    ...special.flatMap((x) => special.map((y): Case<number> => [x, y])),
    ...closeBelow.map(([x, y]): Case<number> => [signed(x) * 2 ** -40, y]),
    // 1 - 2^(-2k)
    ...Array.from({ length: 12 }, (_, i): Case<number> => [1 - 2 ** -(24 + i), signed(1 + 2 ** -(24 + i))]),
    // products of 64 to 68 bits: exact, and ties, both ways
    ...Array.from({ length: 600 }, (_, i): Case<number> => [signed(bits(30 + (i % 5))), bits(32) * 2 ** (random.below(200) - 100)]),
    ...Array.from({ length: 300 }, (): Case<number> => [signed(bits(52)), bits(1 + random.below(16))]),
    ...Array.from({ length: 600 }, (): Case<number> => [signed(bits(51)) * 2 ** (random.below(1900) - 950), bits(51) * 2 ** (random.below(1900) - 950)]),
    ...Array.from({ length: 600 }, (): Case<number> => [signed(bits(51)), signed(bits(51) * 2 ** random.below(3))]),
  ];
}

describe.each(engines)('doubles on the %s', (engine) => {
  const cases = doubleCases();
  const product = `fldl (%esi)\nfmull 16(%esi)\n${keep}`;

  it.each(controls)('are multiplied, control word %i', (control) => {
    check(product, engine, tableOf(every(cases, control), writeDouble), control);
  });

  it('are multiplied, added, subtracted and divided, with no exception left of the one before', () => {
    const operations = ['fmul', 'fadd', 'fsub', 'fdivr'].map((name) => `fnclex\nfldl (%esi)\n${name}l 16(%esi)\n${keep}`);
    check(operations.join(''), engine, tableOf(cases, writeDouble));
  });

  it('are nothing but doubles while they move', () => {
    const double = '(%esi)\n', other = '16(%esi)\n';
    const { cpu } = check([
      `fldl ${double}fldl ${other}fmulp\n${keep}`,
      `fldl ${double}fstpl (%edi)\nfldl ${other}fld %st(0)\nfchs\nfxch\nfabs\nfstpl 8(%edi)\nadd $16, %edi\nfmull ${double}${keep}`,
      `fldl ${double}fldl ${other}fxch\nfst %st(1)\nfmulp\n${keep}`,
      `fldl ${double}fldl ${other}fucomi %st(1)\nfcmovb %st(1), %st\nfmull ${double}fstp %st(1)\n${keep}`,
      `fldl ${double}fldl ${other}fld1\nfldz\nfldl ${double}fldl ${other}mov (%ecx), %eax\nmov (%edi), %eax\n${keep.repeat(6)}`,
      `fldl ${double}test $1, %ecx\njz either\nfstp %st(0)\nfldl ${other}either: fmull ${other}${keep}`,
      `flds ${double}fmuls 4${other}fildl ${double}fmul %st(1), %st\nfsts (%edi)\nfaddp\n${keep}`,
    ].join(''), engine, tableOf(cases, writeDouble));
    if (engine === 'jit') expect(cpu.statistics.instructions.regions).toBeGreaterThan(cpu.retired / 4);
  });
});

it.each(engines)('the stack is where it was after calls, on the %s', (engine) => {
  const long = `long: ${'add $3, %eax\nrol $3, %eax\n'.repeat(60)}fld1\nfmulp\nret\n`;
  const body = `fldl (%esi)\ncall long\nfmull 16(%esi)\n${keep}`;
  check(body, engine, tableOf(doubleCases().slice(0, 800), writeDouble), usualControl, long);
});

// ── sums, and products of longer numbers ────────────────────────────────────────────────────────────────────────────

const topBit = 1n << 63n;
const one = 0x3fff;
const edges = [topBit, topBit + 1n, topBit + 2n, topBit + 3n, 2n ** 64n - 1n, 2n ** 64n - 2n, topBit + (1n << 62n), topBit + 0x7ffn, topBit + 0x800n];
const extendedSpecials: readonly Extended[] = [
  [0, 0n], [0x8000, 0n], [one, topBit], [one | 0x8000, topBit], [0, 1n], [0, topBit], [0x8000, topBit + 5n], [1, topBit], [one, 1n], [one, 0n],
  [0x7fff, topBit], [0xffff, topBit], [0x7fff, topBit + 1n], [0x7fff, 3n << 62n], [0x7ffe, 2n ** 64n - 1n], [0x7ffe, topBit], [0x7ffd, 2n ** 64n - 1n],
  [64, topBit], [65, topBit + 1n], [66, topBit], [0x4000 + 60, topBit + 9n], [one - 70, 2n ** 64n - 1n],
];

function extendedCases(): Case<Extended>[] {
  const random = new Random(80);
  const word = (): bigint => BigInt(random.word() >>> 0);
  const significand = (): bigint => topBit | (word() << 32n) | word();
  const cases: Case<Extended>[] = extendedSpecials.flatMap((x) => extendedSpecials.map((y): Case<Extended> => [x, y]));
  for (let distance = 0; distance < 68; distance++) {
    for (const x of edges) {
      for (const y of edges) {
        // what cancels most is near each other
        for (const sign of distance < 3 ? [0, 1] : [random.below(2)]) {
          const [large, small]: Case<Extended> = [[one, x], [(one - distance) | (sign << 15), y]];
          cases.push(random.oneIn(2) ? [large, small] : [small, large]);
        }
      }
    }
    // halves of the last bit exactly, and a little more and less than that
    for (let i = 0; i < 12 && distance > 0; i++) {
      const half = significand() & ~((1n << BigInt(distance)) - 1n) | (1n << BigInt(distance - 1));
      const y = i % 3 === 0 ? half : i % 3 === 1 ? half + 1n : half - 1n;
      if (y >= topBit && y < 2n ** 64n) cases.push([[one | (random.below(2) << 15), significand()], [(one - distance) | (random.below(2) << 15), y]]);
    }
  }
  for (let i = 0; i < 1500; i++) {
    const short = i % 3 === 0 ? ~0x7ffn : -1n;
    cases.push([[one + random.below(3), significand() & short], [(one + random.below(70) - 35) | (random.below(2) << 15), significand() & short]]);
  }
  return cases;
}

describe.each(engines)('80-bit numbers on the %s', (engine) => {
  const cases = extendedCases();

  it.each(controls)('are added, control word %i', (control) => {
    const { cpu } = check(`fldt (%esi)\nfldt 16(%esi)\nfaddp\n${keep}`, engine, tableOf(every(cases, control), writeExtended), control);
    if (engine === 'jit' && control === usualControl) expect(cpu.statistics.instructions.regions).toBeGreaterThan(cpu.retired / 4);
  });

  it.each(controls)('are multiplied, control word %i', (control) => {
    check(`fldt (%esi)\nfldt 16(%esi)\nfmulp\n${keep}`, engine, tableOf(every(cases, control), writeExtended), control);
  });

  it('tell what was lost each time', () => {
    const operations = ['fadd', 'fsub', 'fmul', 'fdivr'].map((name) => `fnclex\nfldt (%esi)\nfldt 16(%esi)\n${name}p\n${keep}`);
    check(operations.join(''), engine, tableOf(cases.filter((_, i) => i % 5 === 0), writeExtended));
  });

  it('are compared, examined, and become narrower', () => {
    const { cpu } = check(`fldt 16(%esi)\nfldt (%esi)\nfxam\nfnstsw (%edi)\nfcom %st(1)\nfnstsw 2(%edi)\nfstps 4(%edi)\nfnstsw 8(%edi)\nadd $16, %edi
      fstl (%edi)\nfnstsw 10(%edi)\nfmull (%edi)\nadd $16, %edi\n${keep}`, engine, tableOf(cases, writeExtended));
    if (engine === 'jit') expect(cpu.statistics.instructions.regions).toBeGreaterThan(cpu.retired / 4);
  });
});

describe.each(engines)('the last-instruction pointers on the %s', (engine) => {
  it('are those of the last instruction, and keep a selector that has been loaded over since', () => {
    const cases = Array.from({ length: 500 }, (_, i): Case<number> => [i + 0.5, i % 7 === 0 ? 2 ** -1074 : i]);
    check(`mov $0x18, %eax\nmov %eax, %es\nfldl %es:(%esi)\nmov $0x20, %eax\nmov %eax, %es\nfnstsw (%edi)\nfchs\nfmull 16(%esi)\nmov $0x28, %eax
      mov %eax, %es\nfstpl %es:8(%edi)\nfld1\ntest $1, %ecx\njz even\nfstpl %ss:(%edi)\nfldz\neven: fstp %st(0)\nmov $0x10, %eax
      mov %eax, %es\nmov %eax, %ds\nadd $16, %edi`, engine, tableOf(cases, writeDouble));
  });
});
