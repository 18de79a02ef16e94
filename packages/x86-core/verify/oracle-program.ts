/*
 * The oracle: a small Linux program that lets the real processor say what an instruction does.
 *
 * It is a static 32-bit ELF file without a C library, assembled here. It reads cases from standard input until the
 * end, runs each, and writes them back with the answers in place. To run a case it copies the instruction into a page
 * otherwise full of INT3, loads the x87 image, flags and registers, and jumps there. Whatever happens next (the INT3
 * behind the instruction, or a fault of the instruction itself) arrives as a signal, whose frame holds the whole state:
 * registers, x87 image, trap number, error code, CR2. The handler never returns; it goes on with the next case.
 */
import { AssemblyState } from '@defasm/core';
import { Case, type LocalSegment, Place, Selector, int3, localSegments, readOnlyPattern } from './case.js';

const pageBytes = 0x1000;
const text = 0x0804_8000;
const buffer = 0x3000_0000;
/** Cases per run at most. */
export const capacity = 16384;
const bufferBytes = capacity * Case.size;
const alternateStack = 0x2800_0000;
const alternateStackBytes = 0x1_0000;

/** The program's own variables. */
const variables = 0x2700_0000;

/** Does an address lie in memory that the oracle has for itself, and our machine has not? */
export function oracleOwns(address: number): boolean {
  const within = (start: number, bytes: number): boolean => address >= start && address < start + bytes;
  return within(buffer, bufferBytes) || within(alternateStack, alternateStackBytes) || within(variables, pageBytes) || within(text, pageBytes);
}

const current = variables;
const end = variables + 4;
/** Far pointer to the case's start. */
const target = variables + 8;
/** ESP and SS for LSS, EBX and DS for the last steps. */
const stackPointer = variables + 16;
const lastEbx = variables + 24;
const lastDs = variables + 28;
const stackArgument = variables + 32;
const actionArgument = variables + 48;
const segmentArgument = variables + 80;

// Linux i386 system calls, signals, and the flags of sigaction
const sys = { exit: 1, read: 3, write: 4, modifyLdt: 123, rtSigaction: 174, sigaltstack: 186 };
const signals = { ill: 4, trap: 5, bus: 7, fpe: 8, segv: 11 };
const saSiginfo = 0x4;
const saOnstack = 0x0800_0000;
const saNodefer = 0x4000_0000;
const signalSetBytes = 8;
/** SS_AUTODISARM: without it a case whose ESP happens to lie in the signal stack would be taken for a nested signal. */
const autoDisarm = 0x8000_0000;

/** The handler's third argument, on its stack, points to a ucontext with these fields. */
const frameContext = 12;
const context = {
  gs: 20, fs: 24, es: 28, ds: 32, cs: 80, ss: 92, edi: 36, esi: 40, ebp: 44, esp: 48, ebx: 52, edx: 56, ecx: 60, eax: 64,
  vector: 68, errorCode: 72, eip: 76, eflags: 84, fpstate: 96, cr2: 104,
};
/** In the state that `fpstate` points to, the FXSAVE image follows the FSAVE one. */
const fpstateFxsave = 112;

/** modify_ldt: write an entry, 16 bytes of struct user_desc. */
const writeLdt = 0x11;
const userDescBytes = 16;

/** The flags word of struct user_desc. */
function userDescFlags(segment: LocalSegment): number {
  const contents = { data: 0, down: 1, code: 2 }[segment.kind];
  return (segment.big ? 1 : 0) | (contents << 1) | (segment.restricted ? 8 : 0) | (segment.pages ? 16 : 0) | (segment.absent ? 32 : 0);
}

const registers = ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi'] as const;
const ebx = 3;
const esp = 4;

function source(): string {
  const install = (signal: number): string => `
    mov $${sys.rtSigaction}, %eax
    mov $${signal}, %ebx
    mov $${actionArgument}, %ecx
    xor %edx, %edx
    mov $${signalSetBytes}, %esi
    int $0x80`;
  const armStack = `
    mov $${sys.sigaltstack}, %eax
    mov $${stackArgument}, %ebx
    xor %ecx, %ecx
    int $0x80`;
  const keep = (field: number, to: number): string => `
    mov ${field}(%eax), %edx
    mov %edx, ${to}(%ebx)`;
  const describe = (segment: LocalSegment, index: number): string => `
    movl $${index}, ${segmentArgument}
    movl $${segment.base}, ${segmentArgument + 4}
    movl $${segment.limit}, ${segmentArgument + 8}
    movl $${userDescFlags(segment)}, ${segmentArgument + 12}
    mov $${sys.modifyLdt}, %eax
    mov $${writeLdt}, %ebx
    mov $${segmentArgument}, %ecx
    mov $${userDescBytes}, %edx
    int $0x80`;
  const keepSelector = (field: number, to: number): string => `
    mov ${field}(%eax), %dx
    mov %dx, ${to}(%ebx)`;
  const load = (register: number): string => `
    mov ${4 * register}(%ebx), %${registers[register]!}`;
  return `
    movl $${alternateStack}, ${stackArgument}
    movl $${autoDisarm}, ${stackArgument + 4}
    movl $${alternateStackBytes}, ${stackArgument + 8}
    ${armStack}
    # the call leaves the handler's address on the stack
    call start

    # a signal: keep what its frame tells, and go on
    mov ${frameContext}(%esp), %eax
    mov ${current}, %ebx
    ${registers.map((name, i) => keep(context[name], 4 * i)).join('')}
    ${keep(context.eflags, Case.eflags)}
    ${keep(context.eip, Case.eip)}
    ${keep(context.vector, Case.vector)}
    ${keep(context.errorCode, Case.errorCode)}
    ${keep(context.cr2, Case.cr2)}
    ${(['es', 'cs', 'ss', 'ds', 'fs', 'gs'] as const).map((name, i) => keepSelector(context[name], Case.selectors + 2 * i)).join('')}
    mov ${context.fpstate}(%eax), %esi
    add $${fpstateFxsave}, %esi
    lea ${Case.fxsave}(%ebx), %edi
    mov $128, %ecx
    rep movsl
    mov $${Place.window}, %esi
    lea ${Case.window}(%ebx), %edi
    mov $${Place.windowBytes / 4}, %ecx
    rep movsl
    ${armStack}
    mov ${current}, %ebx
    add $${Case.size}, %ebx
    mov %ebx, ${current}
    jmp next

start:
    pop %eax
    mov %eax, ${actionArgument}
    movl $${saSiginfo | saOnstack | saNodefer}, ${actionArgument + 4}
    ${Object.values(signals).map(install).join('')}

    # the page of INT3
    mov $${Place.codePage}, %edi
    mov $${int3}, %al
    mov $${pageBytes}, %ecx
    rep stosb
    ${Object.values(localSegments).map(describe).join('')}

    # bring the read-only page in, so that a write there meets a page that is present
    mov ${Place.readOnlyPage}, %eax

    # read everything; esi is the end of what there is
    mov $${buffer}, %esi
more:
    mov $${sys.read}, %eax
    xor %ebx, %ebx
    mov %esi, %ecx
    mov $${buffer + bufferBytes}, %edx
    sub %esi, %edx
    int $0x80
    test %eax, %eax
    jle run
    add %eax, %esi
    jmp more

run:
    mov %esi, ${end}
    mov $${buffer}, %ebx
    mov %ebx, ${current}
next:
    cmp ${end}, %ebx
    jae done

    # the handler's frame may have left anything in ES
    mov $${Selector.data}, %eax
    mov %ax, %es
    # a clean data page with the case's window, and the instruction
    mov $${Place.dataPage}, %edi
    xor %eax, %eax
    mov $${(pageBytes - Place.windowBytes) / 4}, %ecx
    rep stosl
    lea ${Case.window}(%ebx), %esi
    mov $${Place.windowBytes / 4}, %ecx
    rep movsl
    lea ${Case.code}(%ebx), %esi
    mov $${Place.code}, %edi
    mov $${Case.codeBytes / 4}, %ecx
    rep movsl

    # the state; nothing behind popf touches the flags
    fxrstor ${Case.fxsave}(%ebx)
    mov ${Case.eip}(%ebx), %eax
    mov %eax, ${target}
    mov ${Case.selectors + 2}(%ebx), %ax
    mov %ax, ${target + 4}
    mov ${4 * esp}(%ebx), %eax
    mov %eax, ${stackPointer}
    mov ${Case.selectors + 4}(%ebx), %ax
    mov %ax, ${stackPointer + 4}
    mov ${4 * ebx}(%ebx), %eax
    mov %eax, ${lastEbx}
    mov ${Case.selectors + 6}(%ebx), %ax
    mov %ax, ${lastDs}
    mov ${Case.selectors}(%ebx), %es
    mov ${Case.selectors + 8}(%ebx), %fs
    mov ${Case.selectors + 10}(%ebx), %gs
    lea ${Case.eflags}(%ebx), %esp
    popf
    ${registers.map((_, i) => i).filter((i) => i !== ebx && i !== esp).map(load).join('')}
    # lss stackPointer, %esp
    .byte 0x0f, 0xb2, 0x25
    .long ${stackPointer}
    mov %cs:${lastEbx}, %ebx
    mov %cs:${lastDs}, %ds
    # ljmp *%cs:target
    .byte 0x2e, 0xff, 0x2d
    .long ${target}

done:
    mov $${buffer}, %esi
write:
    mov $${sys.write}, %eax
    mov $1, %ebx
    mov %esi, %ecx
    mov ${end}, %edx
    sub %esi, %edx
    jz exit
    int $0x80
    test %eax, %eax
    jle exit
    add %eax, %esi
    jmp write
exit:
    mov $${sys.exit}, %eax
    xor %ebx, %ebx
    int $0x80
`;
}

// ELF32 (the System V ABI, chapter 4)
const elf = { headerBytes: 52, segmentBytes: 32, executable: 2, machine386: 3, load: 1, gnuStack: 0x6474_e551 };
const access = { x: 1, w: 2, r: 4 };

interface Segment {
  address: number;
  bytes: Uint8Array;
  memory: number;
  flags: number;
}

/** The oracle as the bytes of an executable file. Throws when the assembler does not accept it. */
export function buildOracle(): Uint8Array {
  const state = new AssemblyState({ bitness: 32 });
  state.compile(source(), { haltOnError: true });
  const pattern = Uint8Array.from({ length: pageBytes }, (_, i) => readOnlyPattern(i));
  const none = new Uint8Array(0);
  const { r, w, x } = access;
  const segments: Segment[] = [
    { address: text, bytes: Uint8Array.from(state.head.dump()), memory: 0, flags: r | x },
    { address: Place.readOnlyPage, bytes: pattern, memory: 0, flags: r },
    { address: Place.codePage, bytes: none, memory: pageBytes, flags: r | w | x },
    { address: Place.dataPage, bytes: none, memory: pageBytes, flags: r | w },
    { address: variables, bytes: none, memory: pageBytes, flags: r | w },
    { address: alternateStack, bytes: none, memory: alternateStackBytes, flags: r | w },
    { address: buffer, bytes: none, memory: bufferBytes, flags: r | w },
  ];
  const count = segments.length + 1;
  const withBytes = segments.filter((segment) => segment.bytes.length > 0);
  const image = new Uint8Array(pageBytes * (1 + withBytes.reduce((sum, s) => sum + Math.ceil(s.bytes.length / pageBytes), 0)));
  const view = new DataView(image.buffer);
  image.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  view.setUint16(16, elf.executable, true);
  view.setUint16(18, elf.machine386, true);
  view.setUint32(20, 1, true);
  view.setUint32(24, text, true);
  view.setUint32(28, elf.headerBytes, true);
  view.setUint16(40, elf.headerBytes, true);
  view.setUint16(42, elf.segmentBytes, true);
  view.setUint16(44, count, true);
  let offset = pageBytes;
  segments.forEach((segment, i) => {
    const fileBytes = segment.bytes.length;
    const at = elf.headerBytes + i * elf.segmentBytes;
    const fields = [
      elf.load, fileBytes > 0 ? offset : 0, segment.address, segment.address, fileBytes,
      Math.max(segment.memory, fileBytes), segment.flags, pageBytes,
    ];
    fields.forEach((field, k) => view.setUint32(at + 4 * k, field, true));
    if (fileBytes > 0) image.set(segment.bytes, offset);
    offset += Math.ceil(fileBytes / pageBytes) * pageBytes;
  });
  // without this the kernel would make every readable page executable
  const last = elf.headerBytes + segments.length * elf.segmentBytes;
  view.setUint32(last, elf.gnuStack, true);
  view.setUint32(last + 24, r | w, true);
  view.setUint32(last + 28, 16, true);
  return image;
}
