/*
 * Run a program in the little language as a Guest of its own, without anything of the demo kernel: linear mode, one
 * stack, and SHUTDOWN to say what came out.
 */
import { TimerQueue, VirtualClock } from '@lguest/hrtimer';
import { Lguest, machineFor } from '@lguest/lg-host';
import * as abi from '@lguest/lg-host/abi';
import { labelsOf, link, type Unit } from '../image/assemble.js';
import { source } from './b.js';
import { emit } from './emit.js';
import { library } from './library.js';
import { emptyProgram, parse } from './parser.js';

const BASE = 0x10_0000;
const DATA = 0x20_0000;
const STACK = 0x30_0000;
const LGUEST_DATA = 0x8000;
const GUEST_PAGES = 1024;
const TICKS = 2_000_000;

const start: Unit = {
  name: 'start',
  text: `
start:
  mov $${STACK}, %esp
  mov $${abi.LHCALL_LGUEST_INIT}, %eax
  mov $${LGUEST_DATA}, %ebx
  int $${abi.LGUEST_TRAP_ENTRY}
  mov $0x11111111, %ebx         # what a function must leave alone
  mov $0x22222222, %esi
  mov $0x33333333, %edi
  call test
  cmp $0x11111111, %ebx
  jne L0
  cmp $0x22222222, %esi
  jne L0
  cmp $0x33333333, %edi
  jne L0
  cmp $${STACK}, %esp
  jne L0
  mov $${abi.LHCALL_SHUTDOWN}, %eax
  mov $result, %ebx
  mov $${abi.SHUTDOWN_POWEROFF}, %ecx
  int $${abi.LGUEST_TRAP_ENTRY}
L0:
  ud2
`,
};

const harness = source('harness')`
bytes result[128];
var resultLength;
function put(c) {
  store8(result + resultLength, c);
  resultLength++;
}
function out(format, ...) { formatTo(put, format, arguments() + 4); }
`;

/** What `function test()` prints with out(format, …), at most 127 characters. */
export function run(text: string, constants: Readonly<Record<string, number>> = {}): string {
  const program = emptyProgram(constants);
  parse([library, harness, { name: 'test', text }], program);
  const known = new Map<string, number>();
  let at = DATA;
  for (const [name, { bytes }] of program.variables) {
    known.set(name, at);
    at += Math.ceil(bytes / 4) * 4;
  }
  const { bytes } = link([start, ...emit(program, new Set(labelsOf(start))).units], BASE, known);

  const machine = machineFor({ guestPages: GUEST_PAGES, hostPages: 256, engine: 'reference' });
  machine.physical.bytes.set(bytes, BASE);
  machine.physical.invalidate(BASE, bytes.length);
  const data = new abi.LguestData(machine.physical, LGUEST_DATA);
  for (let slot = 0; slot < abi.LHCALL_RING_SIZE; slot++) data.setHcallStatus(slot, abi.LHCALL_SLOT_FREE);
  data.syscallVec = abi.SYSCALL_VECTOR;
  data.kernelAddress = 0xc000_0000;
  const guest = new Lguest({ machine, guestPages: GUEST_PAGES, entry: BASE, timers: new TimerQueue(new VirtualClock(0n)) });
  const exit = guest.runSlice(TICKS);
  guest.dispose();
  if (exit.kind === 'shutdown') return exit.message;
  throw new Error(exit.kind === 'killed' ? exit.reason : `the program did not end: ${exit.kind}`);
}
