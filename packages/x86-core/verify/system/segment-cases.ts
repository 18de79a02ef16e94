/*
 * Loading segment registers and asking about descriptors.
 */
import { bytesOf, group, type SystemGroup } from './draw.js';
import { At, Sel, Type } from './world.js';

const [es, , ss, ds, fs, gs] = [0, 1, 2, 3, 4, 5] as const;
const loadable = [es, ss, ds, fs, gs] as const;
const popOpcodes: Readonly<Record<number, readonly number[]>> = { [es]: [0x07], [ss]: [0x17], [ds]: [0x1f], [fs]: [0x0f, 0xa1], [gs]: [0x0f, 0xa9] };
const pushOpcodes: readonly (readonly number[])[] = [[0x06], [0x0e], [0x16], [0x1e], [0x0f, 0xa0], [0x0f, 0xa8]];
const farOpcodes: Readonly<Record<number, readonly number[]>> = { [es]: [0xc4], [ds]: [0xc5], [ss]: [0x0f, 0xb2], [fs]: [0x0f, 0xb4], [gs]: [0x0f, 0xb5] };
const ebx = 3;
/** [EBX], which is [BP + DI] in 16-bit code: [BX] there is 7. */
const atBx = (wide: boolean): number => (wide ? ebx : 7);

/** LLDT and its kin, by ModRM's middle bits. */
const tableOps = { sldt: 0, str: 1, lldt: 2, ltr: 3, verr: 4, verw: 5 } as const;

export const segmentGroups: readonly SystemGroup[] = [
  group('mov sreg', (draw) => draw.level(), (c, draw) => {
    c.registers.eax = draw.selector(c);
    c.setCode([0x8e, 0xc0 | (draw.pick(loadable) << 3)]);
  }),
  group('pop sreg', (draw) => draw.level(), (c, draw) => {
    const { prefix } = draw.operandSize(c);
    c.poke32(c.registers.esp, draw.selector(c));
    c.setCode([...prefix, ...popOpcodes[draw.pick(loadable)]!]);
  }),
  group('push sreg', (draw) => draw.anyState(), (c, draw) => {
    const { prefix } = draw.operandSize(c);
    c.setCode([...prefix, ...draw.pick(pushOpcodes)]);
  }),
  group('les lds lss', (draw) => draw.level(), (c, draw) => {
    const { size, prefix } = draw.operandSize(c);
    c.words(At.data, 2, size === 4 ? [0x1234, 0x5678, draw.selector(c)] : [0x1234, draw.selector(c)]);
    c.setCode([...prefix, ...farOpcodes[draw.pick(loadable)]!, 0x0b]);
  }),
  group('sreg in old modes', (draw) => draw.pick(['real', 'v86']), (c, draw) => {
    const register = draw.pick(loadable);
    // in memory that is there, should it become SS
    c.registers.eax = 0x1234_0600 | draw.below(0x40);
    c.words(At.data, 2, [draw.word(), 0x123, 0x456, 0x789]);
    c.registers.ebx = 0;
    c.words(0x6000 + c.registers.esp, 2, [0x620, 0]);
    c.setCode(draw.pick([[0x8e, 0xc0 | (register << 3)], popOpcodes[register]!, [...farOpcodes[register]!, 0x0f], [0x66, ...farOpcodes[register]!, 0x0f], [0x8c, 0xc0 | (draw.below(6) << 3)]]));
  }),
  group('lar lsl', (draw) => draw.pick([draw.level(), draw.level(), draw.anyState()]), (c, draw) => {
    const { prefix } = draw.operandSize(c);
    c.registers.eax = draw.oneIn(2) ? draw.selector(c) : draw.selector(c, [Type.tss16, Type.ldt, Type.busyTss16, Type.callGate16, Type.taskGate, Type.interrupt16, Type.tss32, Type.busyTss32, Type.callGate, Type.trap]);
    c.setCode([...prefix, 0x0f, draw.pick([2, 3]), 0xc8]);
  }),
  group('verr verw', (draw) => draw.pick([draw.level(), draw.level(), draw.anyState()]), (c, draw) => {
    c.registers.eax = draw.selector(c);
    c.setCode([0x0f, 0, 0xc0 | (draw.pick([tableOps.verr, tableOps.verw]) << 3)]);
  }),
  group('arpl', (draw) => draw.pick([draw.level(), draw.level(), draw.anyState()]), (c, draw) => {
    c.registers.eax = draw.word();
    c.registers.ecx = draw.word();
    c.setCode(draw.oneIn(3) ? [0x63, 0x0b] : [0x63, 0xc8]);
  }),
  group('lldt', (draw) => draw.pick(['ring0', 'ring0', draw.anyState()]), (c, draw) => {
    c.registers.eax = draw.selector(c, [Type.ldt, Type.ldt, Type.ldt, Type.tss32]);
    // does it hold? 1c is its fourth entry
    c.setCode([0x0f, 0, 0xd0, ...(c.state === 'ring0' && draw.oneIn(2) ? [0xb8, ...bytesOf(0x1c, 4), 0x8e, 0xc0] : [])]);
  }),
  group('ltr', (draw) => draw.pick(['ring0', 'ring0', draw.anyState()]), (c, draw) => {
    c.registers.eax = draw.oneIn(5) ? draw.pick([Sel.tss, Sel.tssB, Sel.tss16]) : draw.selector(c, [Type.tss32, Type.tss16, Type.busyTss32, Type.busyTss16]);
    c.setCode([0x0f, 0, 0xd8]);
  }),
  group('sldt str smsw', (draw) => draw.anyState(), (c, draw) => {
    const { prefix } = draw.operandSize(c);
    const wide = c.state.startsWith('ring');
    c.registers.eax = draw.word();
    c.registers.ebx = wide ? At.data : 0;
    const [second, middle] = draw.pick([[0, tableOps.sldt], [0, tableOps.str], [1, 4]] as const);
    c.setCode([...prefix, 0x0f, second, (middle << 3) | (draw.oneIn(2) ? 0xc0 : atBx(wide))]);
  }),
];
