/*
 * The x87 in regions: where its stack is, C1, the last instruction's pointers and pending errors, at all places where regions are
 * entered, left, and call each other. All of its state is compared with the interpreter's, wherever budgets end.
 */
import { expect, it } from 'vitest';
import { type Cpu, type EngineName, ExitReason, type JitOptions, type Machine, SegmentRegister, Vector } from '../index.js';
import { Cr0, State } from '../state.js';
import { assemble, codeAt, flatMachine } from '../testing/flat-machine.js';

const exitSelector = 0x50;
const idtAt = 0x3_0000;
const gdtAt = 0x3_1000;
const data = 0x2_0000;
const doubles = [1.1, 3, 0.3, 0.9, 0, -2.5, 1e300, 7];
const long = (source: string): string => `${source}\n${'add $3, %eax\nrol $3, %eax\n'.repeat(90)}`;

function machineWith(source: string, engine: EngineName, control: number, options: JitOptions = {}): Machine {
  const machine = flatMachine(source, 0x8_0000, { physicalBytes: 1 << 20, engine, exitSelector, jit: { hotAfter: 1, steps: false, ...options } });
  const { cpu, physical } = machine;
  for (let vector = 0; vector < 32; vector++) {
    physical.write32(idtAt + 8 * vector, exitSelector << 16);
    physical.write32(idtAt + 8 * vector + 4, 0x8e00);
  }
  cpu.setIdt(idtAt, 0xff);
  cpu.cr0 = Cr0.pe | Cr0.et | Cr0.ne;
  physical.write(data, new Uint8Array(new Float64Array(doubles).buffer));
  physical.write16(data + 0x80, control);
  return machine;
}

/** What the x87 and the program have, as text. */
function stateOf(cpu: Cpu): string {
  const { i32 } = cpu.processor;
  const words = (from: number, count: number): string => [...i32.subarray(from >> 2, (from >> 2) + count)].map((word) => (word >>> 0).toString(16)).join(' ');
  return `eip ${cpu.eip.toString(16)} flags ${cpu.eflags.toString(16)} retired ${cpu.retired} gpr ${[...cpu.regs].join(' ')}\nx87 ${words(State.fpuControl, 8)} top ${words(State.fpuTop, 1)} ${words(State.fpu, 32)}`;
}

/**
 * Run a program on both engines in pieces of odd lengths. An owner clears the x87's errors when they are reported.
 * @returns the JIT's machine, and how often errors were reported
 */
function compare(source: string, control = 0x37f, options: JitOptions = {}, rounds = 32, prepare: (machine: Machine) => void = () => undefined): { cpu: Cpu; errors: number } {
  const machines = (['jit', 'interpreter'] as const).map((engine) => machineWith(source, engine, control, options));
  const [jit, interpreter] = machines as [Machine, Machine];
  machines.forEach(prepare);
  let errors = 0;
  for (let i = 0; i < rounds; i++) {
    // nothing that was there before may stay for what has been executed since
    for (const { cpu } of machines) cpu.processor.i32.fill(0x5a5, State.fpuOpcode >> 2, (State.fpuDs >> 2) + 1);
    let left = i % 4 === 0 ? 60_000 : 1 + ((i * 7919) % 20_011);
    while (left > 0) {
      const before = jit.cpu.retired;
      const [exit, other] = machines.map(({ cpu }) => ({ ...cpu.run(left) }));
      expect(stateOf(jit.cpu), `piece ${i}`).toBe(stateOf(interpreter.cpu));
      expect(exit).toEqual(other);
      if (exit!.reason === ExitReason.budget) break;
      expect([exit!.reason, exit!.vector]).toEqual([ExitReason.gate, Vector.x87]);
      errors++;
      left -= Math.max(1, jit.cpu.retired - before);
      for (const { cpu } of machines) cpu.processor.i32[State.fpuStatus >> 2]! &= ~0x80ff;
    }
  }
  expect(Buffer.compare(jit.physical.bytes, interpreter.physical.bytes)).toBe(0);
  const { regions, instructions } = jit.cpu.statistics;
  expect(regions.compiled).toBeGreaterThan(0);
  expect(instructions.regions).toBeGreaterThan(jit.cpu.retired / 4);
  return { cpu: jit.cpu, errors };
}

/** An instruction that is no region's business. */
const leaves = 'smsw %bx\n';
/** Routines become no part of the regions that call them. */
const apart: JitOptions = { inline: false };

it('keeps its stack in place over calls of regions that are balanced', () => {
  compare(`fninit\nfld1\nagain: ${long('fldl 0x20000')}fldl 0x20008\ncall far\nfmulp %st, %st(1)\nfstpl 0x20100\ninc %ecx\n${leaves}jmp again
    far: fldl 0x20010\n${long('fstpl 0x20108')}fldl 0x20018\nfstpl 0x20110\nret`, 0x37f, apart);
});

it('finds its stack elsewhere after calls of regions that move it', () => {
  compare(`fninit\nagain: ${long('fldl 0x20000')}call push\ncall push\nfaddp %st, %st(1)\ncall pop\nfaddl 0x20008\n${leaves}fstpl 0x20100\ninc %ecx\njmp again
    push: ${long('fldl 0x20010')}ret\npop: ${long('fstpl 0x20108')}ret`, 0x37f, apart);
});

it('finds registers in use that the routine has filled beside the stack', () => {
  // FSTP ST(3) marks a register that the sixth push then meets
  const values = [0, 8, 0x10, 0x18, 0x28, 0x38].map((at) => `fldl ${0x2_0000 + at}\n`).join('');
  compare(`fninit\nagain: ${long('fldl 0x20000')}call fill\n${values}fstpl 0x20100\nfstpl 0x20108\nfstpl 0x20110\nfstpl 0x20118\nfstpl 0x20120\nfstpl 0x20128\nfstpl 0x20130\nxor 0x20104, %edx\nrol $1, %edx\ninc %ecx\njmp again
    fill: ${long('inc %ebx')}test $63, %ecx\njnz kept\nfldl 0x20010\nfstp %st(3)\nret\nkept: ret`, 0x37f, apart);
});

it('finds TOP elsewhere though the same registers are in use', () => {
  // every other register is in use, so that a turn by two leaves the tags as they are
  const eight = [0, 8, 0x10, 0x18, 0x28, 0x38, 0, 8].map((at) => `fldl ${0x2_0000 + at}\n`).join('');
  compare(`fninit\n${eight}ffree %st(1)\nffree %st(3)\nffree %st(5)\nffree %st(7)\nagain: ${long('inc %edx')}call turn\nfstpl 0x20100\nfldl 0x20008\nfaddl 0x20010\ninc %ecx\njmp again
    turn: ${long('inc %ebx')}test $63, %ecx\njnz kept\nfstp %st(1)\nfstp %st(1)\nfstp %st(6)\nfldl 0x20018\nret\nkept: ret`, 0x37f, apart);
});

it('finds another number in a register that the routine has changed in place', () => {
  compare(`fninit\nagain: ${long('fldl 0x20000')}fldl 0x20010\ncall change\nfstpl 0x20100\nfstpl 0x20108\ninc %ecx\njmp again\nchange: ${long('inc %ebx')}faddl 0x20008\nret`, 0x37f, apart);
});

it('leaves its stack where it is when calls come back to somewhere else', () => {
  // the routine goes back behind the instruction that follows its call now and then
  compare(`fninit\nagain: ${long('fldl 0x20000')}fldl 0x20008\ncall odd\nfxch\nfaddp %st, %st(1)\nfstpl 0x20100\ninc %ecx\njmp again
    odd: fldl 0x20010\n${long('fstpl 0x20108')}test $3, %ecx\njnz even\naddl $2, (%esp)\neven: ret`, 0x37f, apart);
});

it('leaves its stack where it is when regions call deeper than they may', () => {
  compare(`fninit\nagain: mov $120, %ecx\nfldl 0x20000\ncall deep\nfstpl 0x20100\ninc %ebx\njmp again
    deep: dec %ecx\njz up\nfaddl 0x20008\nfldl 0x20010\n${long('fmulp %st, %st(1)')}call deep\nfsubl 0x20018\nup: ret`, 0x37f, apart);
});

it('has its registers and its stack on both ways of a branch', () => {
  compare(`fninit\nfld1\nagain: fldl 0x20000\nfldl 0x20010\ninc %ecx\ntest $1, %ecx\njz other\n${leaves}fstpl 0x20100\nfstpl 0x20108\njmp again
    other: fmulp %st, %st(1)\nfldl 0x20018\nfxch\n${leaves}fstpl 0x20110\nfstpl 0x20118\njmp again`);
});

it('has its registers and its stack on all ways of a jump through a table, and on a rare one', () => {
  const source = (table: readonly number[]): string => `fninit\nfld1\n${table.map((at, i) => `movl $${at}, ${0x2_0200 + 4 * i}`).join('\n')}
    again: fldl 0x20000\nfldl 0x20010\ninc %ecx\nmov %ecx, %edx\nand $3, %edx\ntest $0x3fff, %ecx\njnz usual\nmov $4, %edx\nusual: jmp *0x20200(,%edx,4)
    first: fstpl 0x20100\nfstpl 0x20108\njmp again\nsecond: faddp %st, %st(1)\nfstpl 0x20110\njmp again
    third: fxch\nfstpl 0x20118\nfstpl 0x20120\njmp again\nrare: fmulp %st, %st(1)\nfstpl 0x20128\njmp again`;
  // code before the table's entries are known is as long
  const bytes = Buffer.from(machineWith(source([0, 0, 0, 0, 0].map(() => codeAt)), 'interpreter', 0x37f).physical.bytes.subarray(codeAt, codeAt + 0x100));
  const [first, second, third, rare] = [[0xdd, 0x1d, 0x00, 0x01], [0xde, 0xc1], [0xd9, 0xc9], [0xde, 0xc9]].map((code) => {
    const at = bytes.indexOf(Uint8Array.from(code));
    expect(at).toBeGreaterThan(0);
    return codeAt + at;
  });
  compare(source([first!, second!, third!, second!, rare!]));
});

it('knows on each way of a branch which doubles its registers hold', () => {
  const way = (at: number): string => `fstpl ${at}\nfstpl ${at + 8}\nfldl ${0x2_0018}\nfldl ${0x2_0038}\nfaddl ${at}\nfstpl ${at + 16}\nfstpl ${at + 24}\njmp again`;
  compare(`fninit\nagain: fldl 0x20000\nfldl 0x20010\ninc %ecx\ntest $3, %ecx\njz other\n${way(0x2_0100)}\nother: ${way(0x2_0180)}`);
});

it('has its stack on the ways of a jump through a table that nobody guessed', () => {
  const marker = (i: number): number => 0x0101_0100 + i;
  const targets = 40;
  const routines = Array.from({ length: targets }, (_, i) => `add $${marker(i)}, %ebx\n${'fstp %st(0)\n'.repeat(1 + (i % 2))}${i % 2 === 0 ? 'faddl 0x20008\nfstpl 0x20100\n' : ''}jmp again\n`);
  const source = `fninit\nmov %eax, %ebp\nagain: fldl 0x20000\nfldl 0x20010\ninc %esi\ncmp $${targets}, %esi\njb inside\nxor %esi, %esi\ninside: jmp *0x20800(,%esi,4)\n${routines.join('')}`;
  const bytes = Buffer.from(assemble(source));
  compare(source, 0x37f, {}, 32, (machine) => {
    for (let i = 0; i < targets; i++) {
      const addition = Buffer.alloc(6);
      addition.writeUInt16LE(0xc381);
      addition.writeUInt32LE(marker(i), 2);
      machine.physical.write32(0x2_0800 + 4 * i, codeAt + bytes.indexOf(addition));
    }
  });
});

it('tells C1 of the last result that was rounded, from before a region and from in it', () => {
  for (const control of [0x37f, 0xb7f, 0x7f, 0x27f]) {
    compare(`fninit\nfldcw 0x20080\nfldl 0x20000\nfld1\nagain: fnstsw %ax\nxor %eax, %edx\nrol $1, %edx\nfldl 0x20010\nfdiv %st(2), %st\nfnstsw %ax\nxor %eax, %ebx\nrol $1, %ebx
      fstpl 0x20100\nfnstsw %ax\nadd %eax, %esi\ninc %ecx\ntest $7, %ecx\njnz again\nfxam\nfnstsw %ax\nxor %eax, %edi\nrol $1, %edi\nfnclex\njmp again`, control);
  }
});

it('says that its stack was full, or empty, by C1', () => {
  compare(`fninit\nagain: fld1\ninc %ecx\nfnstsw %ax\nxor %eax, %edx\nrol $1, %edx\ntest $15, %ecx\njnz again
    empty: fstp %st(0)\nfnstsw %ax\nxor %eax, %ebx\nrol $1, %ebx\ndec %ecx\ntest $15, %ecx\njnz empty\nadd $16, %ecx\njmp again`);
});

it('remembers its last instruction and its operand, whatever way a region is left', () => {
  compare(`fninit\nagain: fldl 0x20000\nlea 0x20010(,%ecx,8), %esi\nand $0x20018, %esi\nfaddl (%esi)\ninc %ecx\ntest $3, %ecx\njz store
    fstpl 0x20100\ncall far\njmp again\nstore: fstp %st(0)\nfnstenv 0x20200\nxor 0x2020c, %edx\nxor 0x20214, %edx\nrol $1, %edx\njmp again
    far: fldl 0x20008\n${long('fstpl 0x20108')}ret`);
});

it('remembers the selector that its operand was reached through', () => {
  compare(`fninit\nagain: fldl %ds:0x20000\nfaddl %es:0x20008\ninc %ecx\ntest $3, %ecx\njz other\nfstpl %ds:0x20100\njmp again\nother: fstpl %es:0x20108\nfadd %st, %st\njmp again`, 0x37f, {}, 32,
    ({ cpu }) => cpu.setSegment(SegmentRegister.es, { ...cpu.segment(SegmentRegister.es), selector: 0x20 }));
});

it('remembers the selector that was there when its operand was reached, though another has been loaded since', () => {
  const { cpu } = compare(`fninit\nmov $0x10, %edi\nagain: fldl %es:0x20000\nfaddl %es:0x20008\nfstp %st(0)\nxor $8, %edi\nmov %edi, %es\ninc %ecx\njmp again`, 0x37f, {}, 32, (machine) => {
    for (const selector of [8, 0x10, 0x18]) {
      machine.physical.write32(gdtAt + selector, 0xffff);
      machine.physical.write32(gdtAt + selector + 4, selector === 8 ? 0x00cf_9b00 : 0x00cf_9300);
    }
    machine.cpu.setGdt(gdtAt, 0x1f);
  });
  expect(cpu.statistics.instructions.reference).toBeLessThan(cpu.retired / 100);
});

it.each([{}, { assume: false }])('reports errors in front of the next instruction that waits, within regions and at their entry (%o)', (options) => {
  // zero divide is not masked
  const { errors } = compare(`fninit\nfldcw 0x20080\nagain: fldl 0x20000\ninc %ecx\ntest $0x3ff, %ecx\njnz fine\nfdivl 0x20020\nmov %ecx, %edx\nfine: fstpl 0x20100\nfld1\nfstp %st(0)\njmp again`, 0x37b, options);
  expect(errors).toBeGreaterThan(20);
});

it.each([{}, { assume: false }])('reports errors that were pending before a region (%o)', (options) => {
  // an environment is loaded with an error in it, which a loop then meets that was hot before
  const { errors } = compare(`fninit\nfldcw 0x20080\nfnstenv 0x20200\norl $4, 0x20204\nagain: mov $200, %esi\nloop: fldl 0x20000\nfaddl 0x20010\nfstpl 0x20100\ndec %esi\njnz loop
    inc %ecx\ntest $7, %ecx\njnz again\nfldenv 0x20200\njmp again`, 0x37b, options);
  expect(errors).toBeGreaterThan(20);
});

it.each([{}, { assume: false }])('reports errors that the routine which was called has left (%o)', (options) => {
  const { errors } = compare(`fninit\nfldcw 0x20080\nagain: fldl 0x20000\ninc %ecx\ncall far\nfstpl 0x20100\njmp again
    far: test $0xff, %ecx\njnz fine\nfdivl 0x20020\nfine: ${long('inc %ebx')}ret`, 0x37b, options);
  expect(errors).toBeGreaterThan(5);
});
