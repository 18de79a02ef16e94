/*S:150
 * The opcode maps.
 *
 * One line of text per group of opcodes: the opcode, then a definition's name and its operands in a shorthand close to
 * the manual's (SDM volume 2, appendix A):
 *
 *   Eb Ew Ev   register or memory named by ModRM      Gb Gw Gv   register named by ModRM's middle bits
 *   M          memory only (anything else is #UD)     Zb Zv      register named by the opcode's low bits
 *   Ab Av      accumulator                            C          CL
 *   Ib         8-bit immediate                        Sb         8-bit immediate, sign-extended to the operand size
 *   Iw Iz      16-bit, operand-sized immediate        1          the constant 1
 *   Ob Ov      memory at an immediate offset          Jb Jz      relative target
 *   P          far pointer, 16:16 or 16:32
 *
 * `/n` narrows a line to a ModRM middle field; `mem` and `reg` to its kind. `modrm` says that there is one although no
 * operand is listed, `low` that its low bits name a register whatever its top bits say, `plain` that 66, F2 and F3 make
 * another instruction of it, which is none of ours. Opcodes without a line are undefined.
 */

const arithmetic = ['add', 'or', 'adc', 'sbb', 'and', 'sub', 'xor', 'cmp'];
const shifts = ['rol', 'ror', 'rcl', 'rcr', 'shl', 'shr', 'shl', 'sar'];
const segments = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'];
const hex = (value: number): string => value.toString(16).padStart(2, '0');
const each = <T>(items: readonly T[], line: (item: T, index: number) => string): string[] => items.map(line);
const span = (from: number, to: number): number[] => range(to - from + 1).map((i) => from + i);
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** One-byte opcodes. */
export const oneByteMap: readonly string[] = [
  ...arithmetic.flatMap((name, i) => [
    `${hex(i * 8)} ${name} Eb Gb`, `${hex(i * 8 + 1)} ${name} Ev Gv`, `${hex(i * 8 + 2)} ${name} Gb Eb`,
    `${hex(i * 8 + 3)} ${name} Gv Ev`, `${hex(i * 8 + 4)} ${name} Ab Ib`, `${hex(i * 8 + 5)} ${name} Av Iz`,
  ]),
  '06 push_es v', '07 pop_es v', '0e push_cs v', '16 push_ss v', '17 pop_ss v', '1e push_ds v', '1f pop_ds v',
  '27 daa', '2f das', '37 aaa', '3f aas',
  ...each(range(8), (i) => `${hex(0x40 + i)} inc Zv`), ...each(range(8), (i) => `${hex(0x48 + i)} dec Zv`),
  ...each(range(8), (i) => `${hex(0x50 + i)} push Zv`), ...each(range(8), (i) => `${hex(0x58 + i)} pop Zv`),
  '60 pusha v', '61 popa v', '62 bound Gv M', '63 arpl Ew Gw',
  '68 push Iz', '69 imul3 Gv Ev Iz', '6a push Sb', '6b imul3 Gv Ev Sb',
  '6c ins b', '6d ins v', '6e outs b', '6f outs v',
  ...each(range(16), (i) => `${hex(0x70 + i)} j${i} Jb`),
  ...arithmetic.flatMap((name, i) => [
    `80/${i} ${name} Eb Ib`, `81/${i} ${name} Ev Iz`, `82/${i} ${name} Eb Ib`, `83/${i} ${name} Ev Sb`,
  ]),
  '84 test Eb Gb', '85 test Ev Gv', '86 xchg Eb Gb', '87 xchg Ev Gv',
  '88 mov Eb Gb', '89 mov Ev Gv', '8a mov Gb Eb', '8b mov Gv Ev', ...each(segments, (name, i) => `8c/${i} mov_from_${name} Ev`), '8d lea Gv M',
  ...each(segments, (name, i) => `8e/${i} mov_to_${name} Ew`), '8f/0 reg pop Ev', '8f/0 mem pop_memory Ev',
  '90 nop', ...each(range(7), (i) => `${hex(0x91 + i)} xchg Zv Av`),
  '98 cbw v', '99 cwd v', '9a call_far P', '9b fwait', '9c pushf', '9d popf', '9e sahf', '9f lahf',
  'a0 mov Ab Ob', 'a1 mov Av Ov', 'a2 mov Ob Ab', 'a3 mov Ov Av',
  'a4 movs b', 'a5 movs v', 'a6 cmps b', 'a7 cmps v', 'a8 test Ab Ib', 'a9 test Av Iz',
  'aa stos b', 'ab stos v', 'ac lods b', 'ad lods v', 'ae scas b', 'af scas v',
  ...each(range(8), (i) => `${hex(0xb0 + i)} mov Zb Ib`), ...each(range(8), (i) => `${hex(0xb8 + i)} mov Zv Iz`),
  ...shifts.flatMap((name, i) => [
    `c0/${i} ${name} Eb Ib`, `c1/${i} ${name} Ev Ib`, `d0/${i} ${name} Eb 1`, `d1/${i} ${name} Ev 1`,
    `d2/${i} ${name} Eb C`, `d3/${i} ${name} Ev C`,
  ]),
  'c2 ret_pop Iw v', 'c3 ret v', 'c4 load_far_pointer Gv M', 'c5 load_far_pointer Gv M', 'c6/0 mov Eb Ib', 'c7/0 mov Ev Iz',
  'c8 enter Iw Ib', 'c9 leave v', 'ca ret_far Iw', 'cb ret_far', 'cc int3', 'cd int Ib', 'ce into', 'cf iret v',
  'd4 aam Ib', 'd5 aad Ib', 'd6 salc', 'd7 xlat',
  ...each(range(8), (i) => `${hex(0xd8 + i)} x87 modrm`),
  'e0 loopne Jb', 'e1 loope Jb', 'e2 loop Jb', 'e3 jcxz Jb',
  'e4 in Ab Ib', 'e5 in Av Ib', 'e6 out Ib Ab', 'e7 out Ib Av',
  'e8 call Jz', 'e9 jmp Jz', 'ea jmp_far P', 'eb jmp Jb', 'ec in b', 'ed in v', 'ee out b', 'ef out v',
  'f1 int1', 'f4 hlt', 'f5 cmc',
  'f6/0 test Eb Ib', 'f6/1 test Eb Ib', 'f6/2 not Eb', 'f6/3 neg Eb', 'f6/4 mul Eb', 'f6/5 imul_wide Eb', 'f6/6 div Eb', 'f6/7 idiv Eb',
  'f7/0 test Ev Iz', 'f7/1 test Ev Iz', 'f7/2 not Ev', 'f7/3 neg Ev', 'f7/4 mul Ev', 'f7/5 imul_wide Ev', 'f7/6 div Ev', 'f7/7 idiv Ev',
  'f8 clc', 'f9 stc', 'fa cli', 'fb sti', 'fc cld', 'fd std',
  'fe/0 inc Eb', 'fe/1 dec Eb',
  'ff/0 inc Ev', 'ff/1 dec Ev', 'ff/2 call_indirect Ev', 'ff/3 call_far M', 'ff/4 jmp_indirect Ev', 'ff/5 jmp_far M', 'ff/6 push Ev',
];

/** Two-byte opcodes, 0F xx. */
export const twoByteMap: readonly string[] = [
  '00/0 sldt Ev', '00/1 str Ev', '00/2 lldt Ew', '00/3 ltr Ew', '00/4 verr Ew', '00/5 verw Ew',
  '01/0 sgdt M', '01/1 sidt M', '01/2 lgdt M', '01/3 lidt M', '01/4 smsw Ev', '01/6 lmsw Ew', '01/7 invlpg M',
  '02 lar Gv Ev', '03 lsl Gv Ev', '06 clts', '08 invd', '09 wbinvd', '0b undefined', '0d hint Ev',
  ...each(range(8), (i) => `${hex(0x18 + i)} hint Ev`),
  '20 mov_from_cr low', '21 mov_from_dr low', '22 mov_to_cr low', '23 mov_to_dr low',
  '30 wrmsr', '31 rdtsc', '32 rdmsr', '33 rdpmc',
  ...each(range(16), (i) => `${hex(0x40 + i)} cmov${i} Gv Ev`),
  ...each(range(16), (i) => `${hex(0x80 + i)} j${i} Jz`),
  ...each(range(16), (i) => `${hex(0x90 + i)} set${i} Eb`),
  ...each([...span(0x10, 0x17), ...span(0x28, 0x2f), ...span(0x50, 0x6f), ...span(0x74, 0x76), 0x7e, 0x7f, 0xc3, ...span(0xd1, 0xef), ...span(0xf1, 0xfe)],
    (opcode) => `${hex(opcode)} vector modrm`),
  ...each([...span(0x70, 0x73), 0xc2, 0xc4, 0xc5, 0xc6], (opcode) => `${hex(opcode)} vector Ib modrm`),
  '77 emms plain',
  'a0 push_fs v', 'a1 pop_fs v', 'a2 cpuid', 'a3 mem bt_string Ev Gv', 'a3 reg bt Ev Gv', 'a4 shld Ev Gv Ib', 'a5 shld Ev Gv C',
  'a8 push_gs v', 'a9 pop_gs v', 'ab mem bts_string Ev Gv', 'ab reg bts Ev Gv', 'ac shrd Ev Gv Ib', 'ad shrd Ev Gv C',
  'ae/0 fxsave M plain', 'ae/1 fxrstor M plain', 'ae/2 mxcsr M plain', 'ae/3 mxcsr M plain', 'ae/5 reg fence plain', 'ae/6 reg fence plain',
  'ae/7 reg store_fence plain', 'ae/7 mem cache_flush plain',
  'af imul Gv Ev',
  'b0 cmpxchg Eb Gb', 'b1 cmpxchg Ev Gv', 'b2 load_far_pointer Gv M', 'b3 mem btr_string Ev Gv', 'b3 reg btr Ev Gv',
  'b4 load_far_pointer Gv M', 'b5 load_far_pointer Gv M', 'b6 movzx8 Gv Eb', 'b7 movzx16 Gv Ew',
  'ba/4 bt Ev Ib', 'ba/5 bts Ev Ib', 'ba/6 btr Ev Ib', 'ba/7 btc Ev Ib', 'bb mem btc_string Ev Gv', 'bb reg btc Ev Gv',
  'bc bsf Gv Ev', 'bd bsr Gv Ev', 'be movsx8 Gv Eb', 'bf movsx16 Gv Ew',
  'c0 xadd Eb Gb', 'c1 xadd Ev Gv', 'c7/1 cmpxchg8b M',
  ...each(range(8), (i) => `${hex(0xc8 + i)} bswap Zv`),
];
