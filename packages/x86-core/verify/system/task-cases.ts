/*
 * Task switches by the hardware: JMP, CALL, interrupts and IRET, into 32-bit and 16-bit tasks, good and bad ones.
 */
import { bytesOf, type Draw, group, type SystemGroup } from './draw.js';
import type { SystemCase } from './system-case.js';
import { At, gate, segment, Sel, Tss, Tss16, Type } from './world.js';

const software = 0x21;

/** Something about the task to come is out of the ordinary. */
function change(c: SystemCase, draw: Draw, wide: boolean): void {
  const base = wide ? At.tssB : At.tss16;
  const set = (offset: number, value: number): void => (wide ? c.poke32(base + offset, value) : c.poke16(base + offset, value));
  const layout = wide ? { segments: Tss.segments, step: 4, count: 6, ldt: Tss.ldt, eip: Tss.eip, eflags: Tss.eflags } : { segments: Tss16.segments, step: 2, count: 4, ldt: Tss16.ldt, eip: Tss16.ip, eflags: Tss16.flags };
  switch (draw.below(8)) {
    case 0: set(layout.segments + layout.step * draw.below(layout.count), draw.oddSelector()); break;
    case 1: set(layout.segments + layout.step * draw.below(layout.count), draw.selector(c)); break;
    case 2: {
      // another level altogether
      const level = draw.below(4);
      for (let i = 0; i < layout.count; i++) set(layout.segments + layout.step * i, ((i === 1 ? Sel.code0 : Sel.data0) + 16 * level) | level);
      break;
    }
    case 3: set(layout.ldt, draw.oneIn(2) ? Sel.ldt : draw.selector(c, [Type.ldt, Type.tss32])); break;
    case 4: set(layout.eflags, draw.eflags(0x24_7ed5) & ~0x100); break;
    case 5:
      if (!wide) break;
      // a task in virtual-8086 mode
      set(layout.eflags, 0x2_0002 | draw.pick([0, 0x3000]));
      set(layout.eip, 0);
      for (let i = 0; i < 6; i++) set(layout.segments + 4 * i, i === 1 ? At.landing >>> 4 : 0x600);
      set(Tss.registers + 16, 0xe00);
      break;
    case 6: c.entry(At.gdt, Sel.free >>> 3, segment({ type: Type.code, limit: At.landing - draw.below(2) })); set(layout.segments + layout.step, Sel.free); break;
    default:
      // the debug trap flag
      if (wide) c.poke16(base + Tss.trap, 1);
  }
}

const direct = (c: SystemCase, draw: Draw, selector: number): void => c.setCode([draw.pick([0xea, 0x9a]), ...bytesOf(draw.word(), 4), ...bytesOf(selector, 2)]);

export const taskGroups: readonly SystemGroup[] = [
  group('task by jmp and call', (draw) => draw.pick(['ring0', 'ring0', draw.level()]), (c, draw) => {
    const wide = !draw.oneIn(3);
    const dpl = draw.oneIn(3) ? draw.below(4) : 3;
    c.entry(At.gdt, (wide ? Sel.tssB : Sel.tss16) >>> 3, segment(wide ? { type: Type.tss32, dpl, base: At.tssB, limit: 0x67, big: false } : { type: Type.tss16, dpl, base: At.tss16, limit: 0x2b, big: false }));
    if (!draw.oneIn(3)) change(c, draw, wide);
    c.registers.eflags |= draw.pick([0, 0x3000, 0x200]);
    direct(c, draw, (wide ? Sel.tssB : Sel.tss16) | draw.pick([0, 0, draw.below(4)]));
  }),
  group('task by gate', (draw) => draw.level(), (c, draw) => {
    const wide = !draw.oneIn(3);
    if (!draw.oneIn(3)) change(c, draw, wide);
    const target = draw.oneIn(8) ? draw.oddSelector() : wide ? Sel.tssB : Sel.tss16;
    const entry = gate(target, draw.word(), Type.taskGate, draw.pick([3, 3, draw.below(4)]), !draw.oneIn(10));
    if (draw.oneIn(2)) {
      c.entry(At.gdt, (Sel.free >>> 3) + 4, entry);
      direct(c, draw, Sel.free + 32 | draw.pick([0, draw.below(4)]));
    } else {
      c.entry(At.idt, software, entry);
      c.setCode([0xcd, software]);
    }
  }),
  group('task gate to anything', (draw) => draw.level(), (c, draw) => {
    // of what a gate names much is no task, or none that can be switched to
    const target = draw.selector(c, [Type.tss32, Type.tss32, Type.tss16, Type.busyTss32, Type.busyTss16, Type.ldt, Type.taskGate, Type.data]);
    const entry = gate(target, draw.word(), Type.taskGate, 3);
    const [vector, code] = draw.pick([[software, [0xcd, software]], [6, [0x0f, 0x0b]], [undefined, []]] as const);
    if (vector === undefined) {
      c.entry(At.gdt, (Sel.free >>> 3) + 4, entry);
      direct(c, draw, Sel.free + 32 | draw.pick([0, draw.below(4)]));
    } else {
      c.entry(At.idt, vector, entry);
      c.setCode(code);
    }
  }),
  group('task for a fault', (draw) => draw.pick(['ring0', 'ring3', 'v86']), (c, draw) => {
    const wide = !draw.oneIn(3);
    if (!draw.oneIn(3)) change(c, draw, wide);
    const [vector, code] = draw.pick([[6, [0x0f, 0x0b]], [13, [0xf4]], [13, [0x0f, 0x22, 0xd8]]] as const);
    if (c.state === 'ring0' && vector === 13) return c.setCode([0xcd, 0x22]);
    c.entry(At.idt, vector, gate(wide ? Sel.tssB : Sel.tss16, 0, Type.taskGate));
    c.setCode(code);
  }),
  group('task and back', (draw) => draw.pick(['ring0', 'ring3']), (c, draw) => {
    const wide = !draw.oneIn(3);
    c.entry(At.gdt, (wide ? Sel.tssB : Sel.tss16) >>> 3, segment(wide ? { type: Type.tss32, dpl: 3, base: At.tssB, limit: 0x67, big: false } : { type: Type.tss16, dpl: 3, base: At.tss16, limit: 0x2b, big: false }));
    // the other task returns at once, or jumps back
    if (draw.oneIn(2)) c.world.set([0xcf, 0xcd, 0xf0], At.landing);
    else c.world.set([0xea, ...bytesOf(0, 4), ...bytesOf(Sel.tss, 2), 0xcd, 0xf0], At.landing);
    direct(c, draw, wide ? Sel.tssB : Sel.tss16);
  }),
];
