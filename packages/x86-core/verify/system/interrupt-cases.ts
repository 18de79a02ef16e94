/*
 * Interrupts and exceptions, through all kinds of gates.
 */
import { type Draw, group, type SystemGroup } from './draw.js';
import type { SystemCase } from './system-case.js';
import { At, doubleFault, gate, Type } from './world.js';

/** Instructions that raise something in protected-mode code, by vector. */
const raising: readonly (readonly [vector: number, code: readonly number[], prepare?: (c: SystemCase) => void])[] = [
  [0, [0xf7, 0xf0]], // div eax, which is 0
  [3, [0xcc]],
  [4, [0xce], (c) => { c.registers.eflags |= 0x800; }],
  [5, [0x62, 0x03], (c) => { c.registers.eax = -1; }],
  [6, [0x0f, 0x0b]],
  [7, [0xd9, 0xc0], (c) => { c.registers.cr0 |= 4; }],
  [13, [0x8e, 0xd8], (c) => { c.registers.eax = 0xfff8; }],
  [13, [0xcd, 0xff], (c) => { c.registers.idtLimit = 0x7f7; }],
];

function gateFor(c: SystemCase, draw: Draw, vector: number): void {
  draw.targets(c);
  const type = draw.oneIn(10) ? draw.below(32) : draw.pick([Type.interrupt, Type.trap, Type.trap, Type.interrupt16, Type.trap16, Type.taskGate]);
  if (type === Type.taskGate) c.entry(At.idt, vector, draw.descriptor([Type.taskGate]));
  else c.entry(At.idt, vector, gate(draw.oneIn(10) ? draw.oddSelector() : draw.codeSelector(), At.landing, type, draw.pick([0, 3, 3, draw.below(4)]), !draw.oneIn(8)));
}

const software = 0x21;

export const interruptGroups: readonly SystemGroup[] = [
  group('int', (draw) => draw.level(), (c, draw) => {
    gateFor(c, draw, software);
    draw.oddStacks(c);
    c.registers.eflags |= draw.pick([0, 0x200, 0x4000, 0x3000]);
    if (draw.oneIn(12)) c.registers.idtLimit = draw.pick([8 * software + 6, 8 * software + 7]);
    c.setCode([0xcd, software]);
  }),
  group('exceptions', (draw) => draw.level(), (c, draw) => {
    const [vector, code, prepare] = draw.pick(raising);
    prepare?.(c);
    if (!draw.oneIn(4)) gateFor(c, draw, vector);
    draw.oddStacks(c);
    c.registers.eflags |= draw.pick([0, 0x200, 0x4000]);
    c.setCode(code);
  }),
  group('int in v86', () => 'v86', (c, draw) => {
    gateFor(c, draw, software);
    c.entry(At.idt, 3, gate(draw.codeSelector() & ~3, At.landing, Type.trap, draw.pick([0, 3])));
    draw.oddStacks(c);
    c.registers.eflags |= draw.pick([0, 0x1000, 0x3000, 0x3000, 0x3200]);
    c.setCode(draw.pick([[0xcd, software], [0xcd, software], [0xcc], [0xf7, 0xf0], [0x0f, 0x0b], [0xce]]));
    if (draw.oneIn(3)) c.registers.eflags |= 0x800;
  }),
  group('int in real mode', () => 'real', (c, draw) => {
    const vector = draw.pick([0x21, 0x80, 3]);
    c.words(At.ivt + 4 * vector, 2, [draw.pick([0, 0x10]), At.landing >>> 4]);
    c.registers.eflags |= draw.pick([0, 0x200, 0x600]);
    if (draw.oneIn(4)) c.registers.idtLimit = draw.pick([4 * vector + 2, 4 * vector + 3]);
    if (draw.oneIn(6)) c.registers.esp = draw.pick([6, 0x1_0006, 0x100]);
    c.setCode(draw.pick([[0xcd, vector], [0xcc], [0xf7, 0xf0], [0x0f, 0x0b], [0xce]]));
  }),
  group('double faults', (draw) => draw.level(), (c, draw) => {
    const [vector, code, prepare] = draw.pick(raising.filter(([number]) => number !== 3 && number !== 4));
    prepare?.(c);
    // the handler cannot be entered; what comes of it?
    c.entry(At.idt, vector, draw.pick([gate(0, At.landing, Type.interrupt), gate(8, At.landing, Type.interrupt, 0, false), gate(0x10, At.landing, Type.interrupt), gate(8, At.landing, 0x1f), gate(0xfff8, 0, Type.trap)]));
    if (draw.oneIn(3)) c.entry(At.idt, doubleFault, gate(8, At.stubs + 8 * doubleFault, Type.interrupt));
    if (draw.oneIn(3)) c.entry(At.idt, draw.pick([11, 13]), gate(8, At.landing, Type.trap, 0, false));
    c.setCode(code);
  }),
];
