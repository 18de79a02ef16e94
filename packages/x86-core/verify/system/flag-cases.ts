/*
 * Flags, ports and instructions for level 0, at every level and in every mode.
 */
import { bytesOf, type Draw, group, levelOf, type SystemGroup } from './draw.js';
import type { SystemCase } from './system-case.js';
import { At, Sel, Tss } from './world.js';

const stackOf = (c: SystemCase): number => (c.state.startsWith('ring') ? 0 : 0x6000) + c.registers.esp;
const wideIn = (c: SystemCase): boolean => c.state.startsWith('ring');
const iopls = [0, 0x1000, 0x2000, 0x3000, 0x3000] as const;

/** IN and OUT and their string forms, byte and full size. */
const portOpcodes = [0xec, 0xed, 0xee, 0xef, 0x6c, 0x6d, 0x6e, 0x6f, 0xe4, 0xe5] as const;

/** Code that needs level 0, or that asks what the mode is. */
const privileged: readonly (readonly number[])[] = [
  [0xfa], [0xfb], [0x0f, 0x06], [0x0f, 0x08], [0x0f, 0x09], [0x0f, 0x20, 0xc0], [0x0f, 0x22, 0xd0], [0x0f, 0x21, 0xc0], [0x0f, 0x23, 0xc0], [0x0f, 0x01, 0xf0], [0x0f, 0x01, 0x3b],
  [0x0f, 0x01, 0xe0], [0x0f, 0x00, 0xc0], [0x0f, 0x00, 0xd0], [0x0f, 0x32], [0x0f, 0x30],
];

function portCase(c: SystemCase, draw: Draw): void {
  const { prefix } = draw.operandSize(c);
  const opcode = draw.pick(portOpcodes);
  const immediate = opcode >= 0xe4 && opcode <= 0xe5;
  c.registers.edx = draw.pick([0x300, 0x301, 0x302, 0x303, 0x304, 0x306, 0x307, 0x30f, 0x310, 0x317, 0x318, 0x330, 0x3fd, 0x3fe, 0x3ff, 0x400, 0x407, 0xffff]) | (draw.oneIn(8) ? 0x1_0000 : 0);
  c.registers.eflags |= draw.pick(iopls);
  if (!wideIn(c)) Object.assign(c.registers, { esi: 0x100, edi: 0x200 });
  if (draw.oneIn(8)) c.poke16(At.tss + Tss.map, draw.pick([Tss.bytes + 1, 0xe0, 0xffff, Tss.bytes - 4]));
  c.setCode([...prefix, opcode, ...(immediate ? [draw.pick([0x84, 0x85, 0x86])] : [])]);
}

export const flagGroups: readonly SystemGroup[] = [
  group('pushf', (draw) => draw.anyState(), (c, draw) => {
    const { prefix } = draw.operandSize(c);
    c.registers.eflags |= draw.pick(iopls) | (draw.word() & (c.state === 'real' ? 0x4400 : 0x24_4600));
    c.setCode([...prefix, 0x9c]);
  }),
  group('popf', (draw) => draw.pick([draw.level(), draw.anyState()]), (c, draw) => {
    const { size, prefix } = draw.operandSize(c);
    c.registers.eflags |= draw.pick(iopls) | (draw.oneIn(2) ? 0x200 : 0);
    c.words(stackOf(c), size, [draw.word() & (draw.oneIn(4) ? -1 : ~0x100)]);
    c.setCode([...prefix, 0x9d]);
  }),
  group('cli sti', (draw) => draw.pick([draw.level(), draw.anyState()]), (c, draw) => {
    c.registers.eflags |= draw.pick(iopls) | (draw.oneIn(2) ? 0x200 : 0);
    c.setCode([draw.pick([0xfa, 0xfb])]);
  }),
  group('ports', (draw) => draw.pick([draw.level(), draw.anyState(), 'v86']), portCase),
  group('ports of another task', (draw) => draw.pick(['ring3', 'v86']), (c, draw) => {
    // a task without a map, or a 16-bit one
    c.registers.tr = draw.pick([Sel.tssB, Sel.tss16]);
    portCase(c, draw);
  }),
  group('privileged', (draw) => draw.pick(['ring0', 'ring1', 'ring2', 'ring3', 'v86', 'real']), (c, draw) => {
    c.registers.ecx = 0x1234_5678;
    c.registers.eflags |= draw.pick(iopls);
    c.registers.eax = 0;
    c.setCode(draw.pick(privileged));
  }),
  group('cpuid rdtsc rdpmc int1', (draw) => draw.pick([draw.level(), draw.anyState()]), (c, draw) => {
    // what the first two answer is every machine's own, and is put aside: EAX, ECX, EDX, EBX become 0
    const wide = wideIn(c) ? [] : [0x66];
    const aside = [0xc0, 0xc9, 0xd2, 0xdb].flatMap((registers) => [...wide, 0x31, registers]);
    if (c.state !== 'real') c.registers.cr4 = draw.pick([0, 4]);
    const codes = [[0x0f, 0xa2, ...aside], [0x0f, 0x31, ...aside], [0xf1]];
    if (levelOf(c) !== 0) codes.push([0x0f, 0x33]);
    c.setCode(draw.pick(codes));
  }),
  group('sgdt sidt', (draw) => draw.anyState(), (c, draw) => {
    const { prefix } = draw.operandSize(c);
    if (!wideIn(c)) c.registers.ebx = 0;
    c.setCode([...prefix, 0x0f, 0x01, (draw.below(2) << 3) | (wideIn(c) ? 3 : 7)]);
  }),
  group('hlt', (draw) => draw.pick(['ring1', 'ring2', 'ring3', 'v86']), (c, draw) => {
    c.registers.eflags |= draw.pick(iopls);
    c.setCode([0xf4]);
  }),
  group('lgdt lidt', (draw) => draw.anyState(), (c, draw) => {
    const wide = wideIn(c);
    const { prefix } = draw.operandSize(c);
    const table = draw.oneIn(2) ? { middle: 2, base: c.registers.gdtBase, limit: c.registers.gdtLimit } : { middle: 3, base: c.registers.idtBase, limit: c.registers.idtLimit };
    c.words(At.data, 2, [draw.word(), draw.word(), draw.word()]);
    c.words(At.data + 0x10, 2, [table.limit, table.base & 0xffff, table.base >>> 16]);
    // load something, store it, and load what was there: all with [displacement]
    const at = (middle: number, offset: number): number[] => (wide ? [0x0f, 1, (middle << 3) | 5, ...bytesOf(At.data + offset, 4)] : [0x0f, 1, (middle << 3) | 6, ...bytesOf(offset, 2)]);
    c.setCode([...prefix, ...at(table.middle, 0), ...prefix, ...at(table.middle - 2, 0x20), ...(wide ? [] : [0x66]), ...at(table.middle, 0x10)]);
  }),
];
