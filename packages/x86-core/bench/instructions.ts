/*
 * What single instructions cost: `npm run bench:instructions` prints `BENCH name value unit`, in nanoseconds per
 * instruction, for the interpreter; `-- --engine jit` for another engine, `-- adc rol` for some kernels. Each is a loop
 * of equal instructions, or equal groups of them, long enough that the branch back does not count. It shows where the
 * time of the programs goes.
 */
import { parseArgs } from 'node:util';
import { AssemblyState } from '@defasm/core';
import { SegmentBits } from '@lguest/descriptors';
import { Cr4, type EngineName } from '../src/index.js';
import { now } from './clock.js';
import { LOAD_ADDRESS } from './programs.js';
import { createFlatMachine, dataSegment } from './ours.js';

const WARM_UP_MS = 400;
const TURN_MS = 60;
const TURNS = 9;
const BUDGET = 100_000;
const COPIES = 64;
const PAGE = 4096;
const STACK = 0x20_0000;
const DATA = 0x30_0000;
const GDT = 0x40_0000;
/** A limit of 4 GiB: its low bits. */
const limitLow = 0xffff;
/** Two doubles that stay what they are when multiplied, and so do the floats in them. */
const operands = new Uint8Array(Float64Array.of(1, 1).buffer);

const times = (text: string, count = COPIES): string => `${text}\n`.repeat(count);

/** Name → one round of a loop; numbers of instructions are counted by the CPU. */
const kernels: Readonly<Record<string, string>> = {
  'nop': times('nop'),
  'mov-register': times('mov %ecx, %edx'),
  'add-immediate': times('add $3, %ecx'),
  'imul': times('imul %ecx, %edx'),
  'adc': times('adc %ecx, %edx'),
  'rol': times('rol $5, %ecx'),
  'lea-indexed': times('lea (%ecx,%edx,4), %eax'),
  'load': times('mov (%esi), %edx'),
  'load-indexed': times('mov (%esi,%ebx,4), %edx'),
  'load-byte': times('movzbl (%esi), %edx'),
  'store': times('mov %edx, (%esi)'),
  'add-to-memory': times('add %edx, (%esi)'),
  'push-pop': times('push %edx\npop %edx', COPIES / 2),
  'alternating': times('mov (%esi), %edx\nadd %edx, %ecx\nshl $3, %edx\nxor %edx, %ecx', COPIES / 4),
  'compare-and-branch-not-taken': times('cmp %eax, %eax\njne far', COPIES / 2),
  'branch-taken': Array.from({ length: COPIES }, (_, i) => `jmp t${i}\nnop\nt${i}:\n`).join(''),
  'setcc': times('sete %dl'),
  'call-ret-same-page': times('call near', COPIES / 2),
  'call-ret-other-page': times('call far', COPIES / 2),
  'call-ret-by-register': times('call *%edi', COPIES / 2),
  'div': times('xor %edx, %edx\ndiv %ebx', COPIES / 2),
  'bsf': times('bsf %ebx, %eax'),
  'shld': times('shld $5, %ecx, %edx'),
  'xchg-memory': times('xchg %eax, (%esi)'),
  'movs-32-bytes': times('mov $8, %ecx\nmov %ebp, %edi\nrep movsl\nsub $32, %esi', COPIES / 4),
  'load-segment': times('mov %ds, %eax\nmov %eax, %es', COPIES / 2),
  'x87-load-store': times('fldl (%esi)\nfstpl 8(%esi)', COPIES / 2),
  'x87-multiply': times('fmul %st(1), %st'),
  'x87-multiply-add': times('fldl (%esi)\nfmull 8(%esi)\nfaddp', COPIES / 3),
  'sse2-scalar-multiply-add': times('movsd (%esi), %xmm0\nmulsd 8(%esi), %xmm0\naddsd %xmm0, %xmm1', COPIES / 3),
  'sse-packed-multiply-add': times('movaps (%esi), %xmm0\nmulps %xmm2, %xmm0\naddps %xmm0, %xmm1', COPIES / 3),
  'sse2-packed-integer': times('paddd %xmm0, %xmm1\npxor %xmm1, %xmm0', COPIES / 2),
};

const { values: { engine }, positionals } = parseArgs({ allowPositionals: true, options: { engine: { type: 'string', default: 'interpreter' } } });

/** Nanoseconds per instruction of a kernel: the median of some turns, after a warm-up. */
function measure(kernel: string): number {
  const source = `fninit\nfld1\nfld1\nagain:\n${kernel}jmp again\nnear: ret\n${times('nop', 2 * PAGE)}far: ret\n`;
  const state = new AssemblyState({ bitness: 32 });
  state.compile(source, { haltOnError: true });
  const code = state.head.dump();
  const machine = createFlatMachine({ engine: engine as EngineName });
  const { cpu, physical } = machine;
  physical.write(LOAD_ADDRESS, code);
  cpu.cr4 = Cr4.osfxsr;
  physical.write(DATA, operands);
  physical.write32(GDT + dataSegment.selector, limitLow);
  physical.write32(GDT + dataSegment.selector + 4, dataSegment.access | SegmentBits.limitHighMask);
  cpu.setGdt(GDT, PAGE - 1);
  cpu.regs.set([0, 1, 2, 3, STACK, DATA + PAGE, DATA, LOAD_ADDRESS + code.length - 1]);
  const turn = (milliseconds: number): number => {
    const before = cpu.retired;
    const start = now();
    while (now() - start < milliseconds) cpu.run(BUDGET);
    return ((now() - start) * 1e6) / (cpu.retired - before);
  };
  turn(WARM_UP_MS);
  const turns = Array.from({ length: TURNS }, () => turn(TURN_MS)).sort((a, b) => a - b);
  return turns[TURNS >> 1]!;
}

const unknown = positionals.filter((name) => !(name in kernels));
if (unknown.length > 0) throw new Error(`there is no kernel ${unknown.join(', ')}; there are ${Object.keys(kernels).join(', ')}`);
for (const [name, kernel] of Object.entries(kernels)) {
  if (positionals.length === 0 || positionals.includes(name)) console.log(`BENCH ${name} ${measure(kernel).toFixed(2)} ns`);
}
