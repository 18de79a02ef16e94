/*
 * The oracle: a small Linux program that lets the real processor say what an instruction does.
 *
 * It is a static 64-bit ELF file without a C library, assembled here. It reads cases from standard input until the
 * end, runs each, and writes them back with the answers in place. To run a case it copies the instruction into a page
 * otherwise full of INT3, loads the x87 image, flags and registers, and jumps there: a far jump to a 32-bit code segment,
 * which is all that 64-bit processors need in order to execute 32-bit code. The kernel need not know 32-bit programs.
 *
 * Whatever happens next (the INT3 behind the instruction, or a fault of the instruction itself) arrives as a signal,
 * handled in 64-bit code, whose frame holds the state: registers, x87 image, trap number, error code, CR2. The handler
 * never returns; it goes on with the next case.
 *
 * All that is the oracle's own lies above 4 GiB, where no case can get.
 */
import { AssemblyState } from '@defasm/core';
import { Case, type LocalSegment, Place, int3, localSegments, readOnlyPattern } from './case.js';
import { Access, executable } from './elf64.js';

const pageBytes = 0x1000;
/** Cases per run at most. */
export const capacity = 16384;
const bufferBytes = capacity * Case.size;
const text = 0x10_0000_0000;
const signalStack = 0x11_0000_0000;
const signalStackBytes = 0x1_0000;
const buffer = 0x12_0000_0000;

// Linux x86-64 system calls, signals, and the flags of sigaction
const sys = { read: 0, write: 1, rtSigaction: 13, exit: 60, sigaltstack: 131, modifyLdt: 154 };
const signals = { ill: 4, trap: 5, bus: 7, fpe: 8, segv: 11 };
const saSiginfo = 0x4;
const saOnstack = 0x0800_0000;
const saNodefer = 0x4000_0000;
/** The kernel insists on a way back, which nobody goes. */
const saRestorer = 0x0400_0000;
const signalSetBytes = 8;

/** The handler's third argument points to a ucontext with these fields. DS, ES, FS and GS are still in the registers. */
const context = {
  edi: 104, esi: 112, ebp: 120, ebx: 128, edx: 136, eax: 144, ecx: 152, esp: 160, eip: 168, eflags: 176, cs: 184, ss: 190,
  errorCode: 192, vector: 200, cr2: 216, fxsave: 224,
};

/** The program's own variables lie before its code. */
const variablesBytes = 0x200;
/** Bytes of those with names. */
const variablesUsed = 80;

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
/** In the order of their selectors in a case. CS goes with the jump. */
const segmentRegisters = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'] as const;

function source(): string {
  const install = (signal: number): string => `
    mov $${sys.rtSigaction}, %eax
    mov $${signal}, %edi
    lea action(%rip), %rsi
    xor %edx, %edx
    mov $${signalSetBytes}, %r10d
    syscall`;
  const describe = (_: LocalSegment, index: number): string => `
    mov $${sys.modifyLdt}, %eax
    mov $${writeLdt}, %edi
    lea segment${index}(%rip), %rsi
    mov $${userDescBytes}, %edx
    syscall`;
  const description = (segment: LocalSegment, index: number): string => `
segment${index}:
    .long ${index}, ${segment.base}, ${segment.limit}, ${userDescFlags(segment)}`;
  const keep = (field: number, to: number): string => `
    mov ${field}(%rdx), %eax
    mov %eax, ${to}(%rbx)`;
  const selectorOf = (register: (typeof segmentRegisters)[number]): number => Case.selectors + 2 * segmentRegisters.indexOf(register);
  const keepSelector = (register: 'cs' | 'ss'): string => `
    mov ${context[register]}(%rdx), %ax
    mov %ax, ${selectorOf(register)}(%rbx)`;
  const load = (register: number): string => `
    mov ${4 * register}(%rbx), %${registers[register]!}`;
  const locals = Object.values(localSegments);
  return `
    # a case may have alignment checked: these are aligned, because they come first
    # far pointer to the case's start
target:
    .long 0
selector:
    .long 0
current:
    .quad 0
end:
    .quad 0
    # struct sigaction: handler, flags, the way back, signals blocked meanwhile
action:
    .quad 0, ${saSiginfo | saOnstack | saNodefer | saRestorer}, 0, 0
    # stack_t
stack:
    .quad ${signalStack}, 0, ${signalStackBytes}
    ${locals.map(description).join('')}
    .quad ${Array.from({ length: (variablesBytes - variablesUsed - userDescBytes * locals.length) / 8 }, () => 0).join()}

    lea handler(%rip), %rax
    mov %rax, action(%rip)
    ${Object.values(signals).map(install).join('')}
    mov $${sys.sigaltstack}, %eax
    lea stack(%rip), %rdi
    xor %esi, %esi
    syscall
    ${locals.map(describe).join('')}

    # the page of INT3
    mov $${Place.codePage}, %edi
    mov $${int3}, %al
    mov $${pageBytes}, %ecx
    rep stosb

    # bring the read-only page in, so that a write there meets a page that is present
    mov $${Place.readOnlyPage}, %eax
    mov (%rax), %eax

    # read everything; rsi is the end of what there is
    movabs $${buffer}, %rsi
more:
    mov $${sys.read}, %eax
    xor %edi, %edi
    movabs $${buffer + bufferBytes}, %rdx
    sub %rsi, %rdx
    syscall
    test %rax, %rax
    jle run
    add %rax, %rsi
    jmp more

run:
    mov %rsi, end(%rip)
    movabs $${buffer}, %rbx
    mov %rbx, current(%rip)
next:
    cmp end(%rip), %rbx
    jae done

    # a clean data page with the case's window, and the instruction
    mov $${Place.dataPage}, %edi
    xor %eax, %eax
    mov $${(pageBytes - Place.windowBytes) / 4}, %ecx
    rep stosl
    lea ${Case.window}(%rbx), %rsi
    mov $${Place.windowBytes / 4}, %ecx
    rep movsl
    lea ${Case.code}(%rbx), %rsi
    mov $${Place.code}, %edi
    mov $${Case.codeBytes / 4}, %ecx
    rep movsl

    # the state. 64-bit code does not mind what is in DS, ES and SS; nothing behind popf touches the flags
    fxrstor ${Case.fxsave}(%rbx)
    mov ${Case.eip}(%rbx), %eax
    mov %eax, target(%rip)
    mov ${selectorOf('cs')}(%rbx), %ax
    mov %ax, selector(%rip)
    ${segmentRegisters.filter((name) => name !== 'cs').map((name) => `
    mov ${selectorOf(name)}(%rbx), %${name}`).join('')}
    movabs $${signalStack + signalStackBytes}, %rsp
    mov ${Case.eflags}(%rbx), %eax
    push %rax
    popf
    ${registers.map((_, i) => i).filter((i) => i !== ebx).map(load).join('')}
    ${load(ebx)}
    # ljmp *target(%rip), with 32 bits of offset
    .byte 0xff, 0x2d
    .long target - behind
behind:

    # a signal: keep what its frame tells, and go on
handler:
    mov current(%rip), %rbx
    ${(['es', 'ds', 'fs', 'gs'] as const).map((name) => `
    mov %${name}, ${selectorOf(name)}(%rbx)`).join('')}
    ${registers.map((name, i) => keep(context[name], 4 * i)).join('')}
    ${keep(context.eflags, Case.eflags)}
    ${keep(context.eip, Case.eip)}
    ${keep(context.vector, Case.vector)}
    ${keep(context.errorCode, Case.errorCode)}
    ${keep(context.cr2, Case.cr2)}
    ${keepSelector('cs')}
    ${keepSelector('ss')}
    mov ${context.fxsave}(%rdx), %rsi
    lea ${Case.fxsave}(%rbx), %rdi
    mov $${Case.fxsaveBytes / 4}, %ecx
    rep movsl
    mov $${Place.window}, %esi
    lea ${Case.window}(%rbx), %rdi
    mov $${Place.windowBytes / 4}, %ecx
    rep movsl
    add $${Case.size}, %rbx
    mov %rbx, current(%rip)
    jmp next

done:
    movabs $${buffer}, %rsi
write:
    mov $${sys.write}, %eax
    mov $1, %edi
    mov end(%rip), %rdx
    sub %rsi, %rdx
    jz exit
    syscall
    test %rax, %rax
    jle exit
    add %rax, %rsi
    jmp write
exit:
    mov $${sys.exit}, %eax
    xor %edi, %edi
    syscall
`;
}

/** The oracle as the bytes of an executable file. Throws when the assembler does not accept it. */
export function buildOracle(): Uint8Array {
  const state = new AssemblyState({ bitness: 64 });
  state.compile(source(), { haltOnError: true });
  const pattern = Uint8Array.from({ length: pageBytes }, (_, i) => readOnlyPattern(i));
  const { r, w, x } = Access;
  return executable(text + variablesBytes, [
    { address: text, bytes: Uint8Array.from(state.head.dump()), access: r | w | x },
    { address: signalStack, memory: signalStackBytes, access: r | w },
    { address: buffer, memory: bufferBytes, access: r | w },
    { address: Place.readOnlyPage, bytes: pattern, access: r },
    { address: Place.codePage, memory: pageBytes, access: r | w | x },
    { address: Place.dataPage, memory: pageBytes, access: r | w },
  ]);
}
