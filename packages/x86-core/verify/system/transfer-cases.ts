/*
 * Far jumps, calls and returns, and IRET.
 */
import { bytesOf, type Draw, group, levelOf, type SystemGroup } from './draw.js';
import type { SystemCase } from './system-case.js';
import { At, endCode, Sel, Tss, Type } from './world.js';

/** Code behind which a far pointer's offset is found. */
const landing = At.landing;
const codeTypes = [Type.code, Type.code, Type.conforming, Type.executeOnly, Type.conformingExecuteOnly] as const;

/** JMP or CALL to a selector, with the pointer in the code or at [EBX]. */
function far(c: SystemCase, draw: Draw, selector: number, offset: number = landing): void {
  const { size, prefix } = draw.operandSize(c);
  const jump = draw.oneIn(2);
  if (draw.oneIn(3)) {
    c.words(At.data, 2, size === 4 ? [offset & 0xffff, offset >>> 16, selector] : [offset & 0xffff, selector]);
    c.setCode([...prefix, 0xff, jump ? 0x2b : 0x1b]);
  } else c.setCode([...prefix, jump ? 0xea : 0x9a, ...bytesOf(offset, size), ...bytesOf(selector, 2)]);
}

/** A selector for CS that a return may find, fitting an outer or the same level three times out of four. */
function returnSelector(c: SystemCase, draw: Draw): number {
  const level = levelOf(c);
  if (draw.oneIn(3)) return draw.selector(c, codeTypes);
  const to = draw.oneIn(4) ? draw.below(4) : level + draw.below(4 - level);
  return (Sel.code0 + 16 * to) | (draw.oneIn(8) ? draw.below(4) : to);
}

/** SS for the level that a return's CS asks for. */
function returnStack(draw: Draw, cs: number, c: SystemCase): number {
  const to = cs & 3;
  if (draw.oneIn(6)) return draw.selector(c, [Type.data, Type.readOnly, Type.expandDown]);
  return (Sel.data0 + 16 * (draw.oneIn(8) ? draw.below(4) : to)) | (draw.oneIn(8) ? draw.below(4) : to);
}

/** Data segments that an outer level may not keep. */
function innerSegments(c: SystemCase, draw: Draw): void {
  for (const name of ['es', 'ds', 'fs', 'gs'] as const) {
    const level = levelOf(c);
    if (draw.oneIn(3)) c.registers[name] = (Sel.data0 + 16 * (level + draw.below(4 - level))) | level;
    else if (draw.oneIn(6)) c.registers[name] = draw.below(4);
  }
}

export const transferGroups: readonly SystemGroup[] = [
  group('far to code', (draw) => draw.level(), (c, draw) => {
    far(c, draw, draw.oneIn(4) ? draw.codeSelector() : draw.selector(c, codeTypes));
  }),
  group('far to call gates', (draw) => draw.level(), (c, draw) => {
    draw.targets(c);
    draw.oddStacks(c);
    c.words(c.registers.esp, 4, [0x11, 0x22, 0x33, 0x44, 0x55, 0x66]);
    far(c, draw, draw.selector(c, [Type.callGate, Type.callGate, Type.callGate, Type.callGate16]), landing + endCode.length * draw.below(8));
  }),
  group('far to anything', (draw) => draw.level(), (c, draw) => {
    draw.targets(c);
    far(c, draw, draw.selector(c, [Type.taskGate, Type.tss32, Type.tss16, Type.busyTss32, Type.busyTss16, Type.ldt, Type.trap, Type.data]), landing);
  }),
  group('far in old modes', (draw) => draw.pick(['real', 'v86']), (c, draw) => {
    const [selector, offset] = draw.pick([[At.landing >>> 4, 0], [At.landing >>> 4, 0], [0x300, 0x800], [0x300, 0x1_0800], [0x37f, 0x10]] as const);
    const { size, prefix } = draw.operandSize(c);
    if (draw.oneIn(3)) {
      c.words(At.data, 2, size === 4 ? [offset & 0xffff, offset >>> 16, selector] : [offset & 0xffff, selector]);
      c.registers.ebx = 0;
      c.setCode([...prefix, 0xff, draw.pick([0x2f, 0x1f])]);
    } else c.setCode([...prefix, draw.pick([0xea, 0x9a]), ...bytesOf(offset, size), ...bytesOf(selector, 2)]);
  }),
  group('retf', (draw) => draw.level(), (c, draw) => {
    const { size, prefix } = draw.operandSize(c);
    const cs = returnSelector(c, draw);
    const extra = draw.pick([0, 0, 4, 8]);
    c.words(c.registers.esp, size, [landing, cs]);
    c.words(c.registers.esp + 2 * size + extra, size, [At.stack3, returnStack(draw, cs, c)]);
    innerSegments(c, draw);
    c.setCode(extra === 0 && draw.oneIn(2) ? [...prefix, 0xcb] : [...prefix, 0xca, extra, 0]);
  }),
  group('iret', (draw) => draw.level(), (c, draw) => {
    const { size, prefix } = draw.operandSize(c);
    const cs = returnSelector(c, draw);
    c.words(c.registers.esp, size, [landing, cs, draw.eflags(draw.oneIn(3) ? 0x24_7ed5 : 0x0021_3ad5), At.stack3, returnStack(draw, cs, c)]);
    c.registers.eflags |= draw.pick([0, 0x1000, 0x2000, 0x3000, 0x200]);
    innerSegments(c, draw);
    c.setCode([...prefix, 0xcf]);
  }),
  group('iret to v86', (draw) => draw.pick(['ring0', 'ring0', 'ring0', draw.level()]), (c, draw) => {
    const cs = c.state === 'ring0' ? At.landing >>> 4 : draw.pick([At.landing >>> 4, (Sel.code0 + 16 * levelOf(c)) | levelOf(c)]);
    // elsewhere VM counts for nothing, and this is an ordinary return
    const ip = c.state === 'ring0' ? draw.pick([0, 0, 0, 2, 0x1_0000]) : At.landing;
    c.words(c.registers.esp, 4, [ip, cs, draw.eflags(0x24_7ed5) & ~0x100 | 0x2_0000, 0xf00, 0x600, 0x111, 0x222, 0x333, 0x444]);
    c.setCode([0xcf]);
  }),
  group('iret and retf in old modes', (draw) => draw.pick(['real', 'v86']), (c, draw) => {
    const { size, prefix } = draw.operandSize(c);
    if (c.state === 'v86') c.registers.eflags |= draw.pick([0, 0x3000, 0x3000, 0x2000]);
    const flags = draw.eflags(0x24_7ed5);
    c.words(0x6000 + c.registers.esp, size, [draw.oneIn(8) ? 0x1_0000 : 0, At.landing >>> 4, flags, flags]);
    c.setCode([...prefix, ...draw.pick([[0xcf], [0xcf], [0xcb], [0xca, 4, 0]])]);
  }),
  group('iret with NT', (draw) => draw.pick(['ring0', draw.level()]), (c, draw) => {
    c.registers.eflags |= 0x4000;
    const busy = draw.oneIn(6) ? draw.pick([Sel.tssB, Sel.tss16]) : Sel.free;
    c.entry(At.gdt, Sel.free >>> 3, draw.descriptor([Type.busyTss32, Type.busyTss32, Type.busyTss16]));
    c.poke16(At.tss + Tss.link, draw.oneIn(8) ? draw.oddSelector() : busy);
    c.setCode([0xcf]);
  }),
];
