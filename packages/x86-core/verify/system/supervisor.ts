/*
 * The supervisor: a small operating system without a purpose but to run system cases and to tell what came of them.
 *
 * It boots by the Multiboot protocol (QEMU's -kernel), or is simply put into a machine's memory at 1 MiB. For each case it
 * puts the world in place, loads control, debug and descriptor-table registers, and starts the case in its mode. Whatever
 * interrupt comes next ends the case: the stub in low memory brings us back here, and registers and all words of the world
 * that changed go out through the debug console's port. The same bytes run everywhere: on another emulator, and on our engines.
 */
import { AssemblyState } from '@defasm/core';
import { Entry, RealEnd, RealStart } from './low-memory.js';
import { answerFields, type AnswerName, encodeCases, type FieldName, fields, magic, pristine, Start, type SystemCase, untouchedCr2 } from './system-case.js';
import { At, gate, Sel, Type, worldBytes } from './world.js';

/** Where the image is loaded, and begins. */
export const imageBase = 0x10_0000;
export const entryPoint = imageBase + 0x20;
const ownIdt = Entry.ownGdt + 0x100;
const ownVectors = 32;
const variables = 0x10_3000;
/** The case's words. */
const now = variables + 0x100;
const stackTop = 0x10_5000;
const answer = 0x10_6000;
const changesAt = answer + 4 * (answerFields.length + 1);
const mostChanges = 4096;
const pristineAt = 0x11_0000;
const shadowAt = 0x12_0000;
const casesAt = 0x13_0000;

/** Pointers: the case in hand, and the end of all; how many are done. */
const current = variables;
const index = variables + 4;
/** Descriptor-table registers as LGDT wants them: what is ours, what is the case's. */
const ownGdtPointer = variables + 0x10;
const ownIdtPointer = variables + 0x18;
const tablePointer = variables + 0x20;
/** Far pointers. */
const stackPointer = variables + 0x30;
const target = variables + 0x38;

/** Every byte written here is output. */
export const consolePort = 0xe9;
/** A write here ends it (QEMU's isa-debug-exit). */
export const exitPort = 0xf4;

const multiboot = { magic: 0x1bad_b002, withAddresses: 1 << 16 } as const;
const efer = 0xc000_0080;
const dr7Start = 0x400;
/** PE and ET. */
const plainCr0 = 0x11;

const field = (name: FieldName): number => now + 4 + 4 * fields.indexOf(name);
const told = (name: AnswerName): number => answer + 4 * answerFields.indexOf(name);
const general = ['eax', 'ecx', 'edx', 'ebx', 'ebp', 'esi', 'edi'] as const;

function source(end: number): string {
  const move = (from: string | number, to: number): string => `
    mov ${from}, %eax
    mov %eax, ${to}`;
  const push = (from: number): string => `
    mov ${from}, %eax
    push %eax`;
  const loadGeneral = general.map((name) => `
    mov ${field(name)}, %${name}`).join('');
  const loadPlainSegments = (['es', 'fs', 'gs'] as const).map((name) => `
    mov ${field(name)}, %${name}`).join('');
  const keepGeneral = general.slice(1).map((name) => `
    mov %${name}, ${told(name)}`).join('');
  /** LGDT's operand out of a limit and a base. */
  const packTable = (limit: number, base: number): string => `
    mov ${limit}, %eax
    mov %eax, ${tablePointer}
    mov ${base}, %eax
    mov %eax, ${tablePointer + 2}`;
  const unpackTable = (from: number, limit: number, base: number): string => `
    movzwl ${from}, %eax
    mov %eax, ${limit}
    mov ${from + 2}, %eax
    mov %eax, ${base}`;
  /** Words of the world that are the supervisor's become what they should be. */
  const forget = (from: number, to: number): string => `
    mov $${shadowAt + from}, %esi
    mov $${from}, %edi
    mov $${(to - from) / 4}, %ecx
    rep movsl`;
  return `
    .long ${multiboot.magic}, ${multiboot.withAddresses}, ${-(multiboot.magic + multiboot.withAddresses) | 0}
    .long ${imageBase}, ${imageBase}, ${end}, ${end}, ${entryPoint}
    jmp start
    # what breakpoints of a case may do to us
    iret
    jmp fromReal

fromStub:
    push %eax
    mov $${Sel.data0}, %eax
    mov %ax, %ds
    popl ${told('eax')}
    popl ${told('vector')}
    popl ${told('ds')}
    pushf
    popl ${told('eflags')}
    mov %esp, ${told('esp')}
    mov %ss, %eax
    mov %eax, ${told('ss')}
    mov %cr0, %eax
    mov %eax, ${told('cr0')}
    sgdt ${tablePointer}
    ${unpackTable(tablePointer, told('gdtLimit'), told('gdtBase'))}
    sidt ${tablePointer}
    ${unpackTable(tablePointer, told('idtLimit'), told('idtBase'))}
    movl $0, ${told('real')}
    jmp tell

start:
    cld
    mov $${stackTop}, %esp
    # no timer may come in between
    mov $0xff, %al
    out %al, $0x21
    out %al, $0xa1
    lgdt ${ownGdtPointer}
    lidt ${ownIdtPointer}
    push $${Sel.code0}
    call reload
    mov $${Sel.data0}, %eax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov $${pristineAt}, %esi
    xor %edi, %edi
    mov $${worldBytes / 4}, %ecx
    rep movsl
    mov $${pristineAt}, %esi
    mov $${shadowAt}, %edi
    mov $${worldBytes / 4}, %ecx
    rep movsl
    movl $${casesAt}, ${current}
    movl $0, ${index}

next:
    mov ${current}, %esi
    cmp $${end}, %esi
    jae done
    mov $${now}, %edi
    mov $${fields.length + 2}, %ecx
    rep movsl
    # patches, into the world and what it will be compared with
    mov ${now + 4 * (fields.length + 1)}, %ebx
patch:
    test %ebx, %ebx
    jz patched
    lodsl
    mov %eax, %edi
    lodsl
    mov %eax, %ecx
    mov %esi, %ebp
    rep movsl
    lea ${shadowAt}(%edi), %edi
    mov %esi, %eax
    sub %ebp, %eax
    sub %eax, %edi
    mov %eax, %ecx
    shr $2, %ecx
    mov %ebp, %esi
    rep movsl
    dec %ebx
    jmp patch
patched:

    # registers of the system
    mov $${untouchedCr2 | 0}, %eax
    mov %eax, %cr2
    ${[0, 1, 2, 3].map((n) => `
    mov ${field(`dr${n}` as FieldName)}, %eax
    mov %eax, %dr${n}`).join('')}
    xor %eax, %eax
    mov %eax, %dr6
    mov ${field('efer')}, %eax
    xor %edx, %edx
    mov $${efer | 0}, %ecx
    wrmsr
    mov ${field('cr4')}, %eax
    mov %eax, %cr4
    ${packTable(field('gdtLimit'), field('gdtBase'))}
    lgdt ${tablePointer}
    mov ${field('ldtr')}, %eax
    lldt %ax
    mov ${field('tr')}, %eax
    ltr %ax
    # busy from the beginning
    and $0xfff8, %eax
    add ${field('gdtBase')}, %eax
    mov 4(%eax), %edx
    mov %edx, ${shadowAt + 4}(%eax)
    ${packTable(field('idtLimit'), field('idtBase'))}
    lidt ${tablePointer}
    mov ${field('cr3')}, %eax
    mov %eax, %cr3
    mov ${field('start')}, %ebx
    cmp $${Start.real}, %ebx
    je startReal
    mov ${field('cr0')}, %eax
    mov %eax, %cr0
    mov ${field('dr7')}, %eax
    mov %eax, %dr7
    cmp $${Start.outer}, %ebx
    je startOuter
    cmp $${Start.virtual}, %ebx
    je startVirtual

    # level 0: no interrupt return reaches it with a stack of its own
    ${push(field('eflags'))}
    popf
    ${loadPlainSegments}
    ${move(field('esp'), stackPointer)}
    ${move(field('ss'), stackPointer + 4)}
    ${move(field('eip'), target)}
    ${move(field('cs'), target + 4)}
    ${loadGeneral}
    lss ${stackPointer}, %esp
    mov ${field('ds')}, %ds
    # ljmp *%cs:target
    .byte 0x2e, 0xff, 0x2d
    .long ${target}

startVirtual:
    ${(['gs', 'fs', 'ds', 'es'] as const).map((name) => push(field(name))).join('')}
startOuter:
    ${(['ss', 'esp', 'eflags', 'cs', 'eip'] as const).map((name) => push(field(name))).join('')}
    cmp $${Start.virtual}, %ebx
    je virtualSegments
    ${loadPlainSegments}
    ${loadGeneral}
    mov ${field('ds')}, %ds
    iret
virtualSegments:
    ${loadGeneral}
    iret

startReal:
    ${(['eax', 'ecx', 'edx', 'ebx', 'ebp', 'esi', 'edi', 'es', 'ds', 'fs', 'gs', 'eflags'] as const).map((name) => move(field(name), RealStart[name])).join('')}
    ${move(field('esp'), RealStart.stack)}
    ${move(field('ss'), RealStart.stack + 4)}
    ${move(field('eip'), RealStart.target)}
    mov ${field('cs')}, %ax
    mov %ax, ${RealStart.target + 2}
    mov ${field('dr7')}, %eax
    mov %eax, %dr7
    mov ${field('cr0')}, %eax
    or $1, %eax
    mov %eax, %cr0
    # ljmp code16:trampoline
    .byte 0xea
    .long ${At.trampoline}
    .byte ${Sel.code16}, 0

fromReal:
    mov $${Sel.data0}, %eax
    mov %ax, %ds
    ${move(RealEnd.eax, told('eax'))}
    ${move(RealEnd.vector, told('vector'))}
    ${move(RealEnd.ds, told('ds'))}
    ${move(RealEnd.esp, told('esp'))}
    ${move(RealEnd.flags, told('eflags'))}
    ${move(RealEnd.ss, told('ss'))}
    ${move(RealEnd.cr0, told('cr0'))}
    ${unpackTable(RealEnd.gdt, told('gdtLimit'), told('gdtBase'))}
    ${unpackTable(RealEnd.idt, told('idtLimit'), told('idtBase'))}
    movl $1, ${told('real')}

tell:
    ${keepGeneral}
    ${(['es', 'cs', 'fs', 'gs'] as const).map((name) => `
    mov %${name}, %eax
    movzwl %ax, %eax
    mov %eax, ${told(name)}`).join('')}
    movzbl ${told('vector')}, %eax
    mov %eax, ${told('vector')}
    movzwl ${told('ds')}, %eax
    mov %eax, ${told('ds')}
    movzwl ${told('ss')}, %eax
    mov %eax, ${told('ss')}
    ${([2, 3, 4] as const).map((n) => `
    mov %cr${n}, %eax
    mov %eax, ${told(`cr${n}`)}`).join('')}
    str %eax
    mov %eax, ${told('tr')}
    sldt %eax
    mov %eax, ${told('ldtr')}
    # home: our tables, no paging, our stack
    lidt ${ownIdtPointer}
    mov $${plainCr0}, %eax
    mov %eax, %cr0
    lgdt ${ownGdtPointer}
    mov $${Sel.data0}, %eax
    mov %ax, %ss
    mov $${stackTop}, %esp
    mov %ax, %es
    push $2
    popf
    xor %eax, %eax
    mov %eax, %cr4
    # should reading one trap, the second try succeeds
    ${([6, 7] as const).map((n) => `
    mov %dr${n}, %eax
    mov %eax, ${told(`dr${n}`)}`).join('')}
    mov $${dr7Start}, %eax
    mov %eax, %dr7

    ${forget(At.trampoline, At.realStubs)}
    ${forget(At.realData, At.gdt)}
    # what has changed in the world goes into the answer, and back
    mov $${changesAt}, %ebx
    xor %esi, %esi
    mov $${shadowAt}, %edi
    mov $${worldBytes / 4}, %ecx
    # without paging nothing changes page tables, which are half of it
    mov ${field('cr0')}, %eax
    test %eax, %eax
    js compare
    mov $${At.directory / 4}, %ecx
compare:
    repe cmpsl
    je compared
    mov -4(%esi), %eax
    cmp $${changesAt + 8 * mostChanges}, %ebx
    jae full
    lea -4(%esi), %edx
    mov %edx, (%ebx)
    mov %eax, 4(%ebx)
    add $8, %ebx
full:
    mov ${pristineAt - 4}(%esi), %eax
    mov %eax, -4(%esi)
    mov %eax, -4(%edi)
    test %ecx, %ecx
    jnz compare
compared:
    # patches, and TSS descriptors that were busy, go back, too
    mov ${current}, %ebp
    mov ${now + 4 * (fields.length + 1)}, %edx
    lea ${4 * (fields.length + 2)}(%ebp), %ebp
unpatch:
    test %edx, %edx
    jz unpatched
    mov (%ebp), %eax
    mov 4(%ebp), %ecx
    lea ${pristineAt}(%eax), %esi
    mov %eax, %edi
    rep movsl
    mov 4(%ebp), %ecx
    lea ${pristineAt}(%eax), %esi
    lea ${shadowAt}(%eax), %edi
    rep movsl
    mov 4(%ebp), %ecx
    lea 8(%ebp, %ecx, 4), %ebp
    dec %edx
    jmp unpatch
unpatched:
    mov $${pristineAt + At.gdt}, %esi
    mov $${At.gdt}, %edi
    mov $${(At.ldt - At.gdt) / 4}, %ecx
    rep movsl
    mov $${pristineAt + At.gdt}, %esi
    mov $${shadowAt + At.gdt}, %edi
    mov $${(At.ldt - At.gdt) / 4}, %ecx
    rep movsl

    movl $${magic}, ${answer}
    mov %ebx, %ecx
    sub $${answer}, %ecx
    mov %ecx, ${told('bytes')}
    sub $${changesAt}, %ebx
    shr $3, %ebx
    mov %ebx, ${answer + 4 * answerFields.length}
    mov ${index}, %eax
    mov %eax, ${told('index')}
    mov $${answer}, %esi
    mov $${consolePort}, %edx
    rep outsb
    incl ${index}
    mov ${current}, %eax
    add (%eax), %eax
    mov %eax, ${current}
    jmp next

done:
    mov $${exitPort}, %edx
    xor %eax, %eax
    # outl %eax, %dx
    .byte 0xef
    cli
    hlt

reload:
    lret
`;
}

/** Machine code of the supervisor, whose first bytes are the Multiboot header; `end` is the first address behind the cases. */
function assemble(end: number): Uint8Array {
  const state = new AssemblyState({ bitness: 32 });
  state.compile(source(end), { haltOnError: true });
  const code = Uint8Array.from(state.head.dump());
  // low memory jumps to fixed places; they hold a jump, IRET, a jump, PUSH EAX
  const fixed: readonly (readonly [address: number, opcode: number])[] = [[entryPoint, 0xe9], [Entry.debugTrap, 0xcf], [Entry.real, 0xe9], [Entry.stub, 0x50]];
  for (const [address, opcode] of fixed) {
    if (code[address - imageBase] !== opcode) throw new Error(`the supervisor has byte ${code[address - imageBase]} at ${address.toString(16)}, not ${opcode}`);
  }
  if (code.length > Entry.ownGdt - imageBase) throw new Error(`the supervisor has ${code.length} bytes; there is room for ${Entry.ownGdt - imageBase}`);
  return code;
}

/** Everything in one piece, for address `imageBase`: code, tables, the world and the cases. It begins with a Multiboot header. */
export function buildImage(cases: readonly SystemCase[]): Uint8Array {
  const list = encodeCases(cases);
  const end = casesAt + list.length;
  const image = new Uint8Array(end - imageBase);
  const view = new DataView(image.buffer);
  const place = (address: number, bytes: Uint8Array): void => image.set(bytes, address - imageBase);
  place(imageBase, assemble(end));
  place(Entry.ownGdt, pristine.subarray(At.gdt, At.gdt + Sel.free));
  for (let vector = 0; vector < ownVectors; vector++) {
    gate(Sel.code0, Entry.debugTrap, Type.interrupt).forEach((word, i) => view.setUint32(ownIdt + 8 * vector + 4 * i - imageBase, word, true));
  }
  for (const [at, limit, base] of [[ownGdtPointer, Sel.free - 1, Entry.ownGdt], [ownIdtPointer, 8 * ownVectors - 1, ownIdt]] as const) {
    view.setUint16(at - imageBase, limit, true);
    view.setUint32(at + 2 - imageBase, base, true);
  }
  place(pristineAt, pristine);
  place(casesAt, list);
  return image;
}
