/*G:130
 * Into the kernel and out again.
 *
 * Every trap ends here, whichever way it came. Exceptions and interrupts come through the Host, which has pushed what
 * the CPU would have pushed and switched interrupts off. The system call comes straight from the CPU: it found the
 * ring-1 stack in the Host's TSS and our gate in the Host's IDT, and no Host code ran. Interrupts are still on then.
 *
 * The way back is the delicate part. To return to user space with interrupts on, our flag must be set before `iret`;
 * but between that store and the iret an interrupt would find half a stack. So the range is shown to the Host as
 * noirq_start and noirq_end: no interrupt is delivered to an eip in it.
 */
import {
  FIRST_EXTERNAL_VECTOR, GUEST_PL, GUEST_USER_DS, LGUEST_IRQS, LguestDataOffset, SYSCALL_VECTOR, USER_PL, X86_EFLAGS_IF,
} from '@lguest/lg-host/abi';
import type { Unit } from '../image/assemble.js';
import { frameOffset } from './frame.js';

/** Exceptions that come with an error code (SDM volume 3, table 6-1). */
const withErrorCode: readonly number[] = [8, 10, 11, 12, 13, 14, 17];
/** The breakpoint: our second, slower system call, see syscallReflected. */
export const BREAKPOINT = 3;

const enabled = `lguestData+${LguestDataOffset.irqEnabled}`;
const pending = `lguestData+${LguestDataOffset.irqPending}`;

/**
 * Save the registers and make sure of ds and es. User space may load anything there, but nearly always has the flat
 * user segment, which serves the kernel just as well: then there is nothing to load here and nothing to put back. (The
 * kernel runs with it always.)
 */
const save = (label: string): string => `
  pusha
  mov %ds, %ebx
  mov %es, %esi
  push %ebx
  push %esi
  cmp %ebx, %esi
  jne ${label}
  cmp $${GUEST_USER_DS}, %ebx
  je ${label}0
${label}:
  mov $${GUEST_USER_DS}, %ebx
  mov %ebx, %ds
  mov %ebx, %es
${label}0:
  cld`;

/** One stub per vector: it makes the frame look the same for all, with a zero where there is no error code. */
function stub(vector: number): string {
  return `trap${vector}:\n${withErrorCode.includes(vector) ? '' : '  push $0\n'}  push $${vector}\n  jmp trapEntry\n`;
}

const vectors = Array.from({ length: FIRST_EXTERNAL_VECTOR + LGUEST_IRQS }, (_, vector) => vector).filter((vector) => vector !== BREAKPOINT);

/** Where the gates of all exceptions and interrupts point. `trapStubs` is a table of them, indexed by vector. */
export const trapStubs: Unit = {
  name: 'trap-stubs',
  text: `${vectors.map(stub).join('')}
trapStubs: .long ${[...vectors.slice(0, BREAKPOINT), -1, ...vectors.slice(BREAKPOINT)].map((v) => (v < 0 ? 'syscallReflected' : `trap${v}`)).join(', ')}
`,
};

/** The common entry and exit. */
export const trapEntry: Unit = {
  name: 'trap-entry',
  text: `
trapEntry:${save('L5')}
  push %esp                    # the frame is the handler's argument
  call handleTrap
  add $4, %esp
  jmp returnFromTrap

syscallReflected:              # int3: an interrupt gate, so it comes through the Host
  push $0
  push $${BREAKPOINT}
  jmp L0
L1:
  movl $-1, ${frameOffset('frameEax')}(%esp)
  jmp returnFromTrap
syscallDirect:                 # int $0x80: a trap gate, so it comes from the CPU
  push $0
  push $${SYSCALL_VECTOR}
L0:
  movl $0, %ss:${enabled}      # %ds is still the user's, %ss is ours
${save('L6')}
  incl systemCalls
  cmp syscallCount, %eax
  jae L1
  push %edx
  push %ecx
  push ${frameOffset('frameEbx') + 8}(%esp)
  call *syscallTable(,%eax,4)
  add $12, %esp
  mov %eax, ${frameOffset('frameEax')}(%esp)

returnFromTrap:                # interrupts are off
  testl $${USER_PL & ~GUEST_PL}, ${frameOffset('frameCs')}(%esp)
  jz L3                        # back to the kernel's own level
  cmpl $0, needReschedule      # only here do we switch: the kernel itself is never preempted
  je L3
  call beforeUser
  jmp returnFromTrap
L3:
  testl $${X86_EFLAGS_IF}, ${frameOffset('frameEflags')}(%esp)
  jz L4
  testl $${X86_EFLAGS_IF}, ${pending}
  jz L4
  call irqEnable               # something waits for us to switch interrupts on: let it in now
  call irqDisable
  jmp returnFromTrap
L4:
  pop %esi
  pop %ebx
  cmp %ebx, %esi
  jne L7
  cmp $${GUEST_USER_DS}, %ebx
  je L8
L7:
  mov %esi, %es
  mov %ebx, %ds
L8:
  popa
  add $8, %esp                 # vector and error code
  push %eax
  mov 12(%esp), %eax           # the flags iret will load
noirqStart:
  mov %eax, %ss:${enabled}     # bit 9 is ours; the others mean nothing there
  pop %eax
  iret
noirqEnd:
`,
};
