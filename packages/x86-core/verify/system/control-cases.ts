/*
 * Control, debug and model-specific registers; breakpoints and single steps.
 */
import { bytesOf, type Draw, group, type SystemGroup } from './draw.js';
import type { SystemCase } from './system-case.js';
import { At } from './world.js';

const cr0Bits = { pe: 1, mp: 2, em: 4, ts: 8, et: 16, ne: 32, wp: 1 << 16, am: 1 << 18, nw: 1 << 29, cd: 1 << 30, pg: 1 << 31 } as const;
/** MOV to and from a control or debug register, EAX. */
const move = (opcode: number, register: number): number[] => [0x0f, opcode, 0xc0 | (register << 3)];
const [fromCr, fromDr, toCr, toDr] = [0x20, 0x21, 0x22, 0x23] as const;
/** Global enable of a breakpoint, its condition and length. */
const enable = (n: number, condition: number, length: number): number => (2 << (2 * n)) | (condition << (16 + 4 * n)) | (length << (18 + 4 * n));
const [onExecute, onWrite, onPort, onAccess] = [0, 1, 2, 3] as const;
const trapFlag = 0x100;

/** CR0 that a case can go on with. */
function cr0(draw: Draw): number {
  let value = cr0Bits.pe;
  for (const bit of [cr0Bits.mp, cr0Bits.em, cr0Bits.ts, cr0Bits.et, cr0Bits.ne, cr0Bits.wp, cr0Bits.am]) if (draw.oneIn(2)) value |= bit;
  if (draw.oneIn(8)) value |= draw.pick([cr0Bits.nw, cr0Bits.cd, cr0Bits.cd | cr0Bits.nw]);
  if (draw.oneIn(8)) value |= cr0Bits.pg;
  return value;
}

/** Code that touches data, in flat 32-bit segments. */
const touching: readonly (readonly number[])[] = [
  [0xa1, ...bytesOf(At.data, 4)], [0xa3, ...bytesOf(At.data, 4)], [0x66, 0xa3, ...bytesOf(At.data + 2, 4)], [0xa2, ...bytesOf(At.data + 3, 4)], [0xff, 0x05, ...bytesOf(At.data, 4)],
  [0x87, 0x05, ...bytesOf(At.data + 4, 4)], [0xa4], [0xa5], [0x40, 0x90],
];

function breakpoints(c: SystemCase, draw: Draw): void {
  for (const n of [0, 1, 2, 3] as const) {
    if (!draw.oneIn(2)) continue;
    const condition = draw.pick([onExecute, onWrite, onAccess, onAccess]);
    const length = condition === onExecute ? 0 : draw.pick([0, 1, 3]);
    // LEN is the number of bytes less 1, and the address a multiple of them
    c.registers[`dr${n}`] = (condition === onExecute ? At.code : draw.pick([At.data, At.data + 0x100, At.data + 0x200])) + (draw.below(8) & ~length);
    c.registers.dr7 |= enable(n, condition, length);
  }
}

export const controlGroups: readonly SystemGroup[] = [
  group('mov from cr', (draw) => draw.pick(['ring0', 'ring0', draw.anyState()]), (c, draw) => {
    c.registers.cr4 = draw.pick([0, 4, 8, 0x10, 0x80, 0x600]);
    c.setCode(move(fromCr, draw.below(8)));
  }),
  group('mov to cr0', (draw) => draw.pick(['ring0', 'ring0', 'ring0', draw.level()]), (c, draw) => {
    c.registers.eax = draw.oneIn(12) ? cr0Bits.pg : cr0(draw);
    c.setCode([...move(toCr, 0), ...(draw.oneIn(3) ? move(fromCr, 0) : [])]);
  }),
  group('mov to cr2 cr3 cr4', (draw) => draw.pick(['ring0', 'ring0', 'ring0', draw.level()]), (c, draw) => {
    const register = draw.pick([2, 3, 4, 4]);
    c.registers.eax = register === 4 ? draw.pick([0, 4, 8, 0x10, 0x20, 0x80, 0x200, 0x400, 0x6bc]) : draw.word();
    c.setCode([...move(toCr, register), ...move(fromCr, register)]);
  }),
  group('lmsw clts', (draw) => draw.pick(['ring0', 'ring0', draw.anyState()]), (c, draw) => {
    c.registers.cr0 |= draw.word() & (cr0Bits.mp | cr0Bits.em | cr0Bits.ts);
    c.registers.eax = draw.word() & ~(c.state === 'real' ? 1 : 0);
    c.setCode(draw.oneIn(4) ? [0x0f, 0x06] : [0x0f, 0x01, 0xf0]);
  }),
  group('mov dr', (draw) => draw.pick(['ring0', 'ring0', draw.anyState()]), (c, draw) => {
    c.registers.cr4 = c.state === 'real' ? 0 : draw.pick([0, 8]);
    c.registers.eax = draw.pick([0, At.data, 0xffff_0ff0, draw.word() & ~0xff]);
    if (draw.oneIn(6)) c.registers.dr7 |= 1 << 13;
    const register = draw.below(8);
    if (draw.oneIn(3)) c.setCode(move(fromDr, register));
    else {
      if ((register & 5) === 5) c.registers.eax &= 0xf000_03ff & ~0xff;
      c.setCode([...move(toDr, register), ...move(fromDr, register)]);
    }
  }),
  group('msr', (draw) => draw.pick(['ring0', 'ring0', draw.level()]), (c, draw) => {
    c.registers.ecx = draw.pick([0xc000_0080, 0xc000_0080, 0x1234_5678]);
    c.registers.eax = draw.pick([0, 0x800]);
    c.registers.edx = 0;
    c.registers.efer = draw.pick([0, 0x800]);
    c.setCode(draw.pick([[0x0f, 0x32], [0x0f, 0x30, 0x0f, 0x32]]));
  }),
  group('breakpoints', (draw) => draw.pick(['ring0', 'ring3']), (c, draw) => {
    breakpoints(c, draw);
    const code = [...draw.pick(touching), ...draw.pick(touching)];
    if (c.state === 'ring3' && draw.oneIn(4)) c.registers.eflags |= trapFlag;
    c.setCode(code);
  }),
  group('port breakpoints', () => 'ring0', (c, draw) => {
    c.registers.cr4 = draw.pick([8, 8, 0]);
    const length = draw.pick([0, 1, 3]);
    c.registers.dr0 = 0x300 + (draw.below(4) & ~length);
    c.registers.dr7 |= enable(0, onPort, length);
    c.registers.edx = 0x300 + draw.below(6);
    c.setCode(draw.pick([[0xec], [0xee], [0xef], [0xed], [0x6e], [0x6c]]));
  }),
  group('single steps', (draw) => draw.pick(['ring1', 'ring3', 'v86']), (c, draw) => {
    c.registers.eflags |= trapFlag | draw.pick([0, 0x3000, 0x1_0000]);
    c.setCode([...draw.pick([[0x40], [0x90], [0x9c], [0x9d], [0xcd, 0x21], [0xcc], [0x0f, 0x0b], [0x8e, 0xd0], [0x16, 0x17], [0xf3, 0xa4], [0xce], [0x9b]]), 0x41]);
    if (c.state === 'v86') c.registers.eax = 0x600;
    else c.registers.eax = c.registers.ss;
    c.registers.ecx = draw.pick([0, 1, 3]);
    if (c.state === 'v86') Object.assign(c.registers, { esi: 0x100, edi: 0x200 });
  }),
  group('steps by popf and iret', (draw) => draw.pick(['ring0', 'real', 'ring3']), (c, draw) => {
    const wide = c.state.startsWith('ring');
    const flags = c.registers.eflags | trapFlag;
    const at = (wide ? 0 : 0x6000) + c.registers.esp;
    if (draw.oneIn(2)) {
      c.words(at, wide ? 4 : 2, [flags]);
      c.setCode([0x9d, ...draw.pick([[0x40], [0x90], [0x8e, 0xd8], [0x17]]), 0x41, 0x42]);
      c.registers.eax = c.registers.ds;
      if (wide) c.poke32(at + 4, c.registers.ss);
      else c.poke16(at + 2, c.registers.ss);
    } else {
      c.words(at, wide ? 4 : 2, [wide ? At.landing : 0, wide ? c.registers.cs : At.landing >>> 4, flags]);
      c.world.set([0x40, 0xcd, 0xf0], At.landing);
      c.setCode([0xcf]);
    }
  }),
];
