/*
 * The system instructions, executed from their bytes by the reference engine.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { cpuidLeaf, cpuidModels, extendedBase } from '../cpuid.js';
import { ExitReason } from '../exit.js';
import { Vector } from '../fault.js';
import { ReferenceEngine } from '../reference.js';
import { Access, Cr0, Cr4, Eflags, Layout, Register, SegmentRegister, State } from '../state.js';
import {
  At, eip, enterLevel, enterVirtual8086, esp, faultOf, gate, makeProcessor, peek16, peek32, poke16, poke32, pokeEntry,
  resetProtected, Sel, selector, setDescriptor, setEsp, snapshot, stackWords, Type, useSegment, type Fault,
} from '../testing/protected.js';

const portLog: string[] = [];
const cpu = makeProcessor({
  exitSelector: Sel.owner,
  ports: {
    read: (port, size) => {
      portLog.push(`in ${port.toString(16)}:${size}`);
      return 0xa5a5_a5a5 >>> (32 - 8 * size);
    },
    write: (port, size, value) => portLog.push(`out ${port.toString(16)}:${size}=${value.toString(16)}`),
  },
});
const engine = new ReferenceEngine(cpu);
const { eax, ecx, edx, ebx, ebp, esi, edi } = Register;
const { cs, ss, ds, es, fs, tr } = SegmentRegister;
const { protection, invalidOpcode } = Vector;
const gp0: Fault = { vector: protection, errorCode: 0 };
const ud: Fault = { vector: invalidOpcode, errorCode: 0 };

const get = (register: number): number => cpu.u32[(State.gpr >> 2) + register]!;
const set = (register: number, value: number): void => {
  cpu.i32[(State.gpr >> 2) + register] = value;
};
const flagsNow = (): number => cpu.i32[State.eflags >> 2]!;

/** Execute one instruction given in hex at CS:EIP; the fault it raises, if any. */
function run(hex: string): Fault | undefined {
  const linear = cpu.i32[(State.segments >> 2) + 4 * cs + 1]! + eip(cpu);
  const bytes = hex.split(' ').map((byte) => Number.parseInt(byte, 16));
  cpu.u8.set(bytes, Layout.physical + linear);
  return faultOf(() => engine.step());
}

beforeEach(() => {
  resetProtected(cpu);
  cpu.pendingExit = -1;
  cpu.watching = 0;
  portLog.length = 0;
});

describe('privilege', () => {
  const ring0Only: [string, string][] = [
    ['lgdt [1000]', '0f 01 15 00 10 00 00'], ['lidt [1000]', '0f 01 1d 00 10 00 00'], ['lldt ax', '0f 00 d0'], ['ltr ax', '0f 00 d8'],
    ['lmsw ax', '0f 01 f0'], ['clts', '0f 06'], ['invd', '0f 08'], ['wbinvd', '0f 09'], ['invlpg [0]', '0f 01 3d 00 00 00 00'],
    ['mov eax, cr0', '0f 20 c0'], ['mov cr0, eax', '0f 22 c0'], ['mov eax, dr0', '0f 21 c0'], ['mov dr0, eax', '0f 23 c0'],
    ['rdmsr', '0f 32'], ['wrmsr', '0f 30'], ['hlt', 'f4'],
  ];
  it.each(ring0Only)('%s is #GP(0) outside level 0', (_name, bytes) => {
    for (const level of [1, 3]) {
      enterLevel(cpu, level);
      const before = snapshot(cpu);
      expect(run(bytes)).toEqual(gp0);
      expect(snapshot(cpu)).toEqual(before);
    }
  });

  const ioplOnly: [string, string][] = [
    ['cli', 'fa'], ['sti', 'fb'], ['in al, dx', 'ec'], ['out dx, eax', 'ef'], ['insb', '6c'], ['outsd', '6f'], ['in al, 60', 'e4 60'],
  ];
  it.each(ioplOnly)('%s needs CPL ≤ IOPL', (_name, bytes) => {
    enterLevel(cpu, 1);
    expect(run(bytes)).toEqual(gp0);
    expect(portLog).toEqual([]);
    cpu.i32[State.eflags >> 2]! |= 1 << Eflags.ioplShift;
    expect(run(bytes)).toBeUndefined();
  });

  it.each([['lar', '0f 02 c0'], ['lsl', '0f 03 c0'], ['verr', '0f 00 e0'], ['verw', '0f 00 e8'], ['arpl', '63 c0'],
    ['sldt', '0f 00 c0'], ['str', '0f 00 c8'], ['lldt', '0f 00 d0'], ['ltr', '0f 00 d8']])('%s is undefined in virtual-8086 mode', (_name, bytes) => {
    enterVirtual8086(cpu, 0x1800);
    expect(run(bytes)).toEqual(ud);
  });

  it.each([['pushf', '9c'], ['popf', '9d'], ['int 21', 'cd 21'], ['iret', 'cf'], ['cli', 'fa'], ['sti', 'fb']])('%s in virtual-8086 mode needs IOPL 3', (_name, bytes) => {
    enterVirtual8086(cpu, 0x1800, 0);
    expect(run(bytes)).toEqual(gp0);
  });
});

describe('control registers', () => {
  it('MOV CR0 keeps what must be and refuses nonsense', () => {
    set(eax, Cr0.pe | Cr0.wp | Cr0.ts | 0x0040_0000);
    expect(run('0f 22 c0')).toBeUndefined();
    expect(run('0f 20 c3')).toBeUndefined();
    expect(get(ebx)).toBe(Cr0.pe | Cr0.wp | Cr0.ts | Cr0.et);
    set(eax, Cr0.pg);
    expect(run('0f 22 c0')).toEqual(gp0);
    set(eax, Cr0.pe | Cr0.nw);
    expect(run('0f 22 c0')).toEqual(gp0);
    expect(run('0f 06')).toBeUndefined();
    expect(cpu.i32[State.cr0 >> 2]! & Cr0.ts).toBe(0);
  });

  it('CR1, CR5 and up do not exist', () => {
    for (const bytes of ['0f 20 c8', '0f 20 e8', '0f 22 f0', '0f 22 f8']) expect(run(bytes)).toEqual(ud);
  });

  it('CR4 takes announced features only', () => {
    set(eax, Cr4.pse | Cr4.pge | Cr4.tsd);
    expect(run('0f 22 e0')).toBeUndefined();
    set(eax, Cr4.vme);
    expect(run('0f 22 e0')).toEqual(gp0);
    set(eax, 1 << 31);
    expect(run('0f 22 e0')).toEqual(gp0);
    expect(cpu.i32[State.cr4 >> 2]).toBe(Cr4.pse | Cr4.pge | Cr4.tsd);
  });

  it('turning paging on and CR3 change translations at once', () => {
    poke32(cpu, At.directory, (At.directory + 0x1000) | 7);
    for (let i = 0; i < 256; i++) poke32(cpu, At.directory + 0x1000 + 4 * i, (i << 12) | 7);
    poke32(cpu, At.directory + 0x1000 + 4 * 0x60, 0x7_0000 | 7);
    poke32(cpu, 0x7_0000, 77);
    expect(cpu.read32(0x6_0000)).toBe(0);
    set(eax, At.directory);
    expect(run('0f 22 d8')).toBeUndefined();
    set(eax, Cr0.pe | Cr0.pg);
    expect(run('0f 22 c0')).toBeUndefined();
    expect(cpu.read32(0x6_0000)).toBe(77);
    set(eax, Cr0.pe);
    expect(run('0f 22 c0')).toBeUndefined();
    expect(cpu.read32(0x6_0000)).toBe(0);
  });

  it('PAE pointers are checked when they are loaded', () => {
    set(eax, Cr4.pae);
    run('0f 22 e0');
    poke32(cpu, At.directory, 0x1e7);
    set(eax, At.directory);
    expect(run('0f 22 d8')).toBeUndefined();
    set(eax, Cr0.pe | Cr0.pg);
    expect(run('0f 22 c0')).toEqual(gp0);
    expect(cpu.i32[State.cr0 >> 2]! & Cr0.pg).toBe(0);
  });

  it('SMSW for everybody, LMSW cannot clear PE', () => {
    set(eax, Cr0.mp);
    expect(run('0f 01 f0')).toBeUndefined();
    expect(cpu.i32[State.cr0 >> 2]).toBe(Cr0.pe | Cr0.mp | Cr0.et);
    enterLevel(cpu, 3);
    run('0f 01 e3');
    expect(get(ebx)).toBe(Cr0.pe | Cr0.mp | Cr0.et);
    poke32(cpu, 0x6_0000, 0xffff_ffff);
    run('0f 01 25 00 00 06 00');
    expect(peek32(cpu, 0x6_0000)).toBe((0xffff_0000 | Cr0.pe | Cr0.mp | Cr0.et) >>> 0);
  });
});

describe('table registers', () => {
  it('LGDT, SGDT; the 16-bit form has a 24-bit base', () => {
    poke16(cpu, 0x6_0000, 0x1234);
    poke32(cpu, 0x6_0002, 0xaabb_ccdd);
    run('0f 01 15 00 00 06 00');
    expect([cpu.u32[State.gdtLimit >> 2], cpu.u32[State.gdtBase >> 2]]).toEqual([0x1234, 0xaabb_ccdd]);
    run('66 0f 01 1d 00 00 06 00');
    expect(cpu.u32[State.idtBase >> 2]).toBe(0x00bb_ccdd);
    enterLevel(cpu, 3);
    run('0f 01 05 10 00 06 00');
    expect([peek16(cpu, 0x6_0010), peek32(cpu, 0x6_0012)]).toEqual([0x1234, 0xaabb_ccdd]);
  });

  it('SLDT and STR: zero-extended into registers, 16 bits into memory', () => {
    set(eax, -1);
    run('0f 00 c8');
    expect(get(eax)).toBe(Sel.tss);
    set(eax, -1);
    run('66 0f 00 c8');
    expect(get(eax)).toBe(0xffff_0000 + Sel.tss);
    poke32(cpu, 0x6_0000, -1);
    run('0f 00 0d 00 00 06 00');
    expect(peek32(cpu, 0x6_0000)).toBe(0xffff_0000 + Sel.tss);
  });

  it('ARPL raises the RPL and says so', () => {
    set(eax, 0x70);
    set(ecx, 2);
    run('63 c8');
    expect(get(eax)).toBe(0x72);
    expect(cpu.i32[State.flagZero >> 2]).toBe(0);
    run('63 c8');
    expect(cpu.i32[State.flagZero >> 2]).not.toBe(0);
  });

  it('LAR and LSL leave the destination alone when ZF = 0', () => {
    set(eax, 0x4000);
    set(ebx, 5);
    run('0f 02 d8');
    expect(get(ebx)).toBe(5);
    set(eax, Sel.tss2);
    run('0f 03 d8');
    expect(get(ebx)).toBe(0x67);
  });
});

describe('segment registers', () => {
  it('MOV, PUSH, POP; MOV CS and the segments that do not exist are #UD', () => {
    expect(run('8e c8')).toEqual(ud);
    expect(run('8e f0')).toEqual(ud);
    expect(run('8c f0')).toEqual(ud);
    set(eax, Sel.data3 | 3);
    run('8e e0');
    expect(selector(cpu, fs)).toBe(Sel.data3 | 3);
    set(ebx, -1);
    run('8c e3');
    expect(get(ebx)).toBe(Sel.data3 | 3);
    const before = esp(cpu);
    run('0f a0');
    run('07');
    expect(selector(cpu, es)).toBe(Sel.data3 | 3);
    expect(esp(cpu)).toBe(before);
  });

  it('MOV SS and POP SS hold interrupts off for one instruction', () => {
    set(eax, Sel.data0);
    run('8e d0');
    expect(cpu.i32[State.shadow >> 2]).toBe(1);
    cpu.i32[State.shadow >> 2] = 0;
    cpu.push32(Sel.data0);
    const before = esp(cpu);
    run('17');
    expect(cpu.i32[State.shadow >> 2]).toBe(1);
    expect(esp(cpu)).toBe(before + 4);
  });

  it('POP of a bad selector leaves ESP', () => {
    cpu.push32(Sel.code3 | 0x100);
    const before = esp(cpu);
    expect(run('1f')).toEqual({ vector: protection, errorCode: (Sel.code3 | 0x100) & 0xfffc });
    expect(esp(cpu)).toBe(before);
  });

  it('LSS and LES', () => {
    poke32(cpu, 0x6_0000, 0x9_0000);
    poke16(cpu, 0x6_0004, Sel.data0);
    run('0f b2 25 00 00 06 00');
    expect([esp(cpu), selector(cpu, ss)]).toEqual([0x9_0000, Sel.data0]);
    poke16(cpu, 0x6_0004, Sel.tss);
    set(eax, 1);
    expect(run('c4 05 00 00 06 00')).toEqual({ vector: protection, errorCode: Sel.tss });
    expect(get(eax)).toBe(1);
    poke16(cpu, 0x6_0004, 0);
    expect(run('c4 05 00 00 06 00')).toBeUndefined();
    expect([get(eax), selector(cpu, es)]).toEqual([0x9_0000, 0]);
  });
});

describe('flags', () => {
  it('PUSHF hides VM and RF, POPF obeys CPL and IOPL', () => {
    cpu.i32[State.eflags >> 2] = Eflags.rf | Eflags.if;
    run('9c');
    expect(stackWords(cpu, 1)).toEqual([Eflags.if | Eflags.always]);
    cpu.push32(-1);
    run('9d');
    expect(flagsNow()).toBe(Eflags.tf | Eflags.if | Eflags.df | Eflags.iopl | Eflags.nt | Eflags.ac | Eflags.id);
    enterLevel(cpu, 3);
    cpu.i32[State.eflags >> 2] = Eflags.if;
    cpu.updateMode();
    cpu.push32(Eflags.iopl | Eflags.df);
    run('9d');
    expect(flagsNow()).toBe(Eflags.if | Eflags.df);
    cpu.push16(0);
    run('66 9d');
    expect(flagsNow()).toBe(Eflags.if);
  });

  it('STI casts a shadow only when IF was clear', () => {
    run('fb');
    expect([flagsNow() & Eflags.if, cpu.i32[State.shadow >> 2]]).toEqual([Eflags.if, 1]);
    cpu.i32[State.shadow >> 2] = 0;
    run('fb');
    expect(cpu.i32[State.shadow >> 2]).toBe(0);
    run('fa');
    expect(flagsNow() & Eflags.if).toBe(0);
  });
});

describe('interrupt instructions', () => {
  it('INT n, INT3, INTO go through gates whose DPL allows it', () => {
    pokeEntry(cpu, At.idt, 0x80, gate(Sel.code0, 0x7_0000, Type.trap, 3));
    pokeEntry(cpu, At.idt, 3, gate(Sel.code0, 0x7_0100, Type.trap, 3));
    pokeEntry(cpu, At.idt, 4, gate(Sel.code0, 0x7_0200, Type.trap, 0));
    enterLevel(cpu, 3);
    run('cd 80');
    expect([eip(cpu), cpu.cpl, stackWords(cpu, 1)[0]]).toEqual([0x7_0000, 0, At.code + 2]);
    enterLevel(cpu, 3);
    run('cc');
    expect([eip(cpu), stackWords(cpu, 1)[0]]).toEqual([0x7_0100, At.code + 1]);
    enterLevel(cpu, 3);
    expect(run('ce')).toBeUndefined();
    expect(eip(cpu)).toBe(At.code + 1);
    cpu.i32[State.flagAddend >> 2] = 0x4000_0000;
    cpu.i32[State.flagSum >> 2] = 0x8000_0000 | 0;
    expect(run('ce')).toEqual({ vector: protection, errorCode: 4 * 8 + 2 });
    expect(eip(cpu)).toBe(At.code + 1);
  });

  it('INT n to the owner leaves by gate after the instruction', () => {
    pokeEntry(cpu, At.idt, 0x1f, gate(Sel.owner, 0, Type.interrupt, 1));
    enterLevel(cpu, 1);
    run('cd 1f');
    expect([cpu.pendingExit, cpu.exit.vector, eip(cpu)]).toEqual([ExitReason.gate, 0x1f, At.code + 2]);
  });

  it('HLT ends the run at the next instruction', () => {
    run('f4');
    expect([cpu.pendingExit, eip(cpu)]).toEqual([ExitReason.halt, At.code + 1]);
  });

  it('BOUND', () => {
    poke32(cpu, 0x6_0000, -5);
    poke32(cpu, 0x6_0004, 10);
    for (const [index, fault] of [[-6, true], [-5, false], [10, false], [11, true]] as const) {
      cpu.i32[State.eip >> 2] = At.code;
      set(eax, index);
      expect(run('62 05 00 00 06 00')).toEqual(fault ? { vector: Vector.bound, errorCode: 0 } : undefined);
    }
  });

  it('far pointers: immediate and in memory', () => {
    run('ea 00 00 07 00 08 00');
    expect(eip(cpu)).toBe(0x7_0000);
    poke32(cpu, 0x6_0000, 0x7_1000);
    poke16(cpu, 0x6_0004, Sel.code0);
    run('ff 1d 00 00 06 00');
    expect([eip(cpu), stackWords(cpu, 2)]).toEqual([0x7_1000, [0x7_0006, Sel.code0]]);
    run('cb');
    expect(eip(cpu)).toBe(0x7_0006);
    run('66 ea 34 12 08 00');
    expect(eip(cpu)).toBe(0x1234);
  });
});

describe('ENTER', () => {
  it('copies the outer frame pointers', () => {
    setEsp(cpu, 0x9_1000);
    set(ebp, 0x9_2000);
    poke32(cpu, 0x9_1ffc, 0xaaaa);
    poke32(cpu, 0x9_1ff8, 0xbbbb);
    run('c8 10 00 03');
    expect(get(ebp)).toBe(0x9_0ffc);
    expect(esp(cpu)).toBe(0x9_1000 - 16 - 0x10);
    expect([0, 4, 8, 12].map((i) => peek32(cpu, 0x9_0ff0 + i))).toEqual([0x9_0ffc, 0xbbbb, 0xaaaa, 0x9_2000]);
  });

  it('changes nothing when the new top is out of bounds', () => {
    useSegment(cpu, ss, Sel.small3);
    setEsp(cpu, 0x20);
    set(ebp, 1);
    expect(run('c8 40 00 00')).toEqual({ vector: Vector.stack, errorCode: 0 });
    expect([esp(cpu), get(ebp)]).toEqual([0x20, 1]);
  });
});

describe('ports', () => {
  it('all sizes', () => {
    set(edx, 0x3f8);
    set(eax, 0x1122_3344);
    for (const bytes of ['ee', '66 ef', 'ef', 'e6 80', 'ec', '66 e5 70', 'ed']) run(bytes);
    expect(portLog).toEqual(['out 3f8:1=44', 'out 3f8:2=3344', 'out 3f8:4=11223344', 'out 80:1=44', 'in 3f8:1', 'in 70:2', 'in 3f8:4']);
    expect(get(eax)).toBe(0xa5a5_a5a5);
  });

  it('the permission map, bit by bit and to its end', () => {
    setDescriptor(cpu, Sel.tss, { type: Type.tss32, base: At.tss, limit: 0x68 + 0x10 });
    useSegment(cpu, tr, Sel.tss);
    poke16(cpu, At.tss + 102, 0x68);
    poke32(cpu, At.tss + 0x68 + 8, 0xffff_fffd);
    enterLevel(cpu, 3);
    set(edx, 0x41);
    expect(run('ec')).toBeUndefined();
    expect(run('66 ed')).toEqual(gp0);
    set(edx, 0x40);
    expect(run('ec')).toEqual(gp0);
    set(edx, 0x3e);
    expect(run('66 ed')).toBeUndefined();
    expect(run('ed')).toEqual(gp0);
    set(edx, 0x7f);
    expect(run('ec')).toBeUndefined();
    set(edx, 0x80);
    expect(run('ec')).toEqual(gp0);
    poke16(cpu, At.tss + 102, 0xffff);
    set(edx, 0x41);
    expect(run('ec')).toEqual(gp0);
  });

  it('REP INSB takes one element at a time', () => {
    set(edx, 0x1f0);
    set(ecx, 2);
    set(edi, 0x6_0000);
    run('f3 6c');
    expect([eip(cpu), get(ecx), get(edi)]).toEqual([At.code, 1, 0x6_0001]);
    run('f3 6c');
    expect([eip(cpu), get(ecx), get(edi), peek32(cpu, 0x6_0000)]).toEqual([At.code + 2, 0, 0x6_0002, 0xa5a5]);
    run('f3 6c');
    expect(portLog).toHaveLength(2);
    expect(eip(cpu)).toBe(At.code + 4);
  });

  it('OUTS with DF, a segment override and 16-bit addresses', () => {
    useSegment(cpu, fs, Sel.small3 | 3);
    poke16(cpu, At.stack3 + 0x10, 0xbeef);
    cpu.i32[State.eflags >> 2] = Eflags.df;
    set(edx, 0x60);
    set(esi, 0xffff_0010);
    run('67 64 66 6f');
    expect(portLog).toEqual(['out 60:2=beef']);
    expect(get(esi)).toBe(0xffff_000e);
  });

  it('INS does not read the port when memory would fault', () => {
    useSegment(cpu, es, Sel.small3);
    set(edi, 0x100);
    expect(run('6c')).toEqual(gp0);
    expect(portLog).toEqual([]);
  });
});

describe('identity and time', () => {
  it('CPUID answers from the model', () => {
    run('0f a2');
    const vendor = [get(ebx), get(edx), get(ecx)];
    expect(String.fromCharCode(...new Uint8Array(new Uint32Array(vendor).buffer))).toBe('GenuineIntel');
    set(eax, 1);
    run('0f a2');
    expect(get(edx)).toBe(cpuidModels.default.basic[1]!.edx);
    set(eax, 0x4000_0000);
    run('0f a2');
    expect(get(eax)).toBe(cpuidModels.default.basic[1]!.eax);
    expect(cpuidLeaf(cpuidModels.default, extendedBase).eax >>> 0).toBe(extendedBase + cpuidModels.default.extended.length - 1);
  });

  it('RDTSC counts what it is told to, WRMSR sets it, CR4.TSD guards it', () => {
    cpu.f64[State.retired >> 3] = 2 ** 33 + 5;
    run('0f 31');
    expect([get(edx), get(eax)]).toEqual([2, 5]);
    set(ecx, 0x10);
    set(edx, 7);
    set(eax, 1);
    run('0f 30');
    run('0f 31');
    expect([get(edx), get(eax)]).toEqual([7, 1]);
    cpu.timestampOffset = 0n;
    cpu.i32[State.cr4 >> 2] = Cr4.tsd;
    enterLevel(cpu, 3);
    expect(run('0f 31')).toEqual(gp0);
  });

  it('EFER has NXE, other model-specific registers are #GP', () => {
    set(ecx, 0xc000_0080);
    set(eax, 1 << 11);
    set(edx, 0);
    expect(run('0f 30')).toBeUndefined();
    set(eax, 0);
    run('0f 32');
    expect(get(eax)).toBe(1 << 11);
    set(eax, 1);
    expect(run('0f 30')).toEqual(gp0);
    set(ecx, 0x1234);
    expect(run('0f 32')).toEqual(gp0);
  });
});

describe('debug registers', () => {
  it('DR4 and DR5 are aliases until CR4.DE', () => {
    set(eax, 0x400);
    run('0f 23 e8');
    run('0f 21 fb');
    expect(get(ebx)).toBe(0x400);
    cpu.i32[State.cr4 >> 2] = Cr4.de;
    expect(run('0f 21 e3')).toEqual(ud);
  });

  it('general detection', () => {
    set(eax, 1 << 13);
    run('0f 23 f8');
    expect(run('0f 21 f8')).toEqual({ vector: Vector.debug, errorCode: 0 });
    expect(cpu.i32[(State.dr >> 2) + 6]! & (1 << 13)).toBe(1 << 13);
    expect(run('0f 21 f8')).toBeUndefined();
  });
});

it('segment caches never claim more than the descriptor says', () => {
  useSegment(cpu, ds, Sel.readOnly3);
  expect(cpu.i32[(State.segments >> 2) + 4 * ds + 3]! & Access.writable).toBe(0);
});
