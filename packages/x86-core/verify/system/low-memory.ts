/*
 * The supervisor's part of low memory: the stub of each interrupt, and the ways into real mode and out of it.
 *
 * A 16-bit gate reaches only the first 64 KiB, and so does real mode. The stubs push DS and their vector, and go where
 * the answer is made. 16-bit code is written out here: the assembler knows 32-bit code only.
 */
import { At, Sel } from './world.js';

const le16 = (value: number): number[] => [value & 0xff, (value >>> 8) & 0xff];
const le32 = (value: number): number[] => [...le16(value), ...le16(value >>> 16)];
const cs = 0x2e;
const o32 = 0x66;

/** Variables of the way into real mode, 4 bytes each. */
export const RealStart = {
  eax: At.trampolineData, ecx: At.trampolineData + 4, edx: At.trampolineData + 8, ebx: At.trampolineData + 12, ebp: At.trampolineData + 16,
  esi: At.trampolineData + 20, edi: At.trampolineData + 24, es: At.trampolineData + 28, ds: At.trampolineData + 32, fs: At.trampolineData + 36,
  gs: At.trampolineData + 40, eflags: At.trampolineData + 44,
  /** Far pointers: SS:ESP with 32 bits of offset, CS:IP with 16. */
  stack: At.trampolineData + 48, target: At.trampolineData + 56,
} as const;
/** A stack for one word of flags. */
const flagStack = 0x5fc;

/** Variables of the way out. */
export const RealEnd = {
  eax: At.realData, vector: At.realData + 4, ds: At.realData + 8, esp: At.realData + 12, flags: At.realData + 16, ss: At.realData + 20, cr0: At.realData + 24,
  ownGdt: At.realData + 32, gdt: At.realData + 40, idt: At.realData + 48,
} as const;

/** MOV register, CS:[address], 32 bits. */
const load32 = (register: number, address: number): number[] => [o32, cs, 0x8b, (register << 3) | 6, ...le16(address)];
/** MOV segment, CS:[address]. */
const loadSegment = (segment: number, address: number): number[] => [cs, 0x8e, (segment << 3) | 6, ...le16(address)];

function intoRealMode(): number[] {
  const protectedPart = [
    0xb8, ...le16(Sel.data16), // mov ax, data16: limits of 64 KiB, as real mode's are
    0x8e, 0xd8, 0x8e, 0xc0, 0x8e, 0xd0, 0x8e, 0xe0, 0x8e, 0xe8, // into ds es ss fs gs
    0x0f, 0x20, 0xc0, 0x24, 0xfe, 0x0f, 0x22, 0xc0, // CR0.PE goes
  ];
  const next = At.trampoline + protectedPart.length + 5;
  return [
    ...protectedPart,
    0xea, ...le16(next), 0, 0, // jmp 0:next
    0x31, 0xc0, 0x8e, 0xd0, 0xbc, ...le16(flagStack), // ss:sp = 0:flagStack
    o32, cs, 0xff, 0x36, ...le16(RealStart.eflags), o32, 0x9d, // push dword [eflags]; popfd
    ...loadSegment(0, RealStart.es), ...loadSegment(4, RealStart.fs), ...loadSegment(5, RealStart.gs),
    o32, cs, 0x0f, 0xb2, 0x26, ...le16(RealStart.stack), // lss esp, [stack]
    ...load32(0, RealStart.eax), ...load32(1, RealStart.ecx), ...load32(2, RealStart.edx), ...load32(3, RealStart.ebx),
    ...load32(5, RealStart.ebp), ...load32(6, RealStart.esi), ...load32(7, RealStart.edi), ...loadSegment(3, RealStart.ds),
    cs, 0xff, 0x2e, ...le16(RealStart.target), // jmp far [target]
  ];
}

/** @param finish where 32-bit code makes the answer */
function outOfRealMode(finish: number): number[] {
  return [
    o32, cs, 0xa3, ...le16(RealEnd.eax), // mov [eax], eax
    cs, 0x8f, 0x06, ...le16(RealEnd.vector), cs, 0x8f, 0x06, ...le16(RealEnd.ds), // what the stub has pushed
    o32, cs, 0x89, 0x26, ...le16(RealEnd.esp), // mov [esp], esp
    0x9c, cs, 0x8f, 0x06, ...le16(RealEnd.flags), // pushf; pop [flags]
    cs, 0x8c, 0x16, ...le16(RealEnd.ss), // mov [ss], ss
    cs, 0x0f, 0x01, 0x06, ...le16(RealEnd.gdt), cs, 0x0f, 0x01, 0x0e, ...le16(RealEnd.idt), // sgdt, sidt
    o32, cs, 0x0f, 0x01, 0x16, ...le16(RealEnd.ownGdt), // lgdt
    0x0f, 0x20, 0xc0, o32, cs, 0xa3, ...le16(RealEnd.cr0), // CR0 as it was
    0x0c, 0x01, 0x0f, 0x22, 0xc0, // CR0.PE comes back
    o32, 0xea, ...le32(finish), ...le16(Sel.code0), // jmp far finish
  ];
}

/** Addresses in the supervisor that low memory leads to; and where its own copy of the GDT is. */
export const Entry = { debugTrap: 0x10_0025, real: 0x10_0026, stub: 0x10_002b, ownGdt: 0x10_2000 } as const;

/** The world with the supervisor's part of it filled in. Changes its argument. */
export function supervisorWorld(world: Uint8Array): Uint8Array {
  world.set(intoRealMode(), At.trampoline);
  world.set(outOfRealMode(Entry.real), At.realExit);
  world.set([...le16(Sel.free - 1), ...le32(Entry.ownGdt)], RealEnd.ownGdt);
  for (let vector = 0; vector < 256; vector++) {
    const stub = At.stubs + 8 * vector;
    // push ds; push vector; jmp
    world.set([0x1e, 0x6a, vector, 0xe9, ...le32(Entry.stub - (stub + 8))], stub);
    const real = At.realStubs + 6 * vector;
    world.set([0x1e, 0x6a, vector, 0xe9, ...le16(At.realExit - (real + 6))], real);
  }
  return world;
}
