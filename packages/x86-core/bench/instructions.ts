/*
 * What single instructions cost the interpreter: `npm run bench:instructions` prints `BENCH name value unit`, in
 * nanoseconds. Each is a loop of equal instructions, long enough that the branch back does not count. It shows where
 * the time of the programs goes.
 */
import { AssemblyState } from '@defasm/core';
import { LOAD_ADDRESS } from './programs.js';
import { createFlatMachine } from './ours.js';

const WARM_UP_MS = 400;
const TURN_MS = 60;
const TURNS = 9;
const BUDGET = 100_000;
const COPIES = 64;
const PAGE = 4096;
const STACK = 0x20_0000;
const DATA = 0x30_0000;

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
};

/** Nanoseconds per instruction of a kernel: the median of some turns, after a warm-up. */
function measure(kernel: string): number {
  const source = `again:\n${kernel}jmp again\nnear: ret\n${times('nop', 2 * PAGE)}far: ret\n`;
  const state = new AssemblyState({ bitness: 32 });
  state.compile(source, { haltOnError: true });
  const code = state.head.dump();
  const machine = createFlatMachine({ engine: 'interpreter' });
  const { cpu, physical } = machine;
  physical.write(LOAD_ADDRESS, code);
  cpu.regs.set([0, 1, 2, 3, STACK, 0, DATA, LOAD_ADDRESS + code.length - 1]);
  const turn = (milliseconds: number): number => {
    const before = cpu.retired;
    const start = performance.now();
    let now = start;
    while (now - start < milliseconds) {
      cpu.run(BUDGET);
      now = performance.now();
    }
    return ((now - start) * 1e6) / (cpu.retired - before);
  };
  turn(WARM_UP_MS);
  const turns = Array.from({ length: TURNS }, () => turn(TURN_MS)).sort((a, b) => a - b);
  return turns[TURNS >> 1]!;
}

for (const [name, kernel] of Object.entries(kernels)) console.log(`BENCH ${name} ${measure(kernel).toFixed(2)} ns`);
