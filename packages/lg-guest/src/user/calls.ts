/*
 * The user program's side of system calls.
 */
import { SYSCALL_VECTOR } from '@lguest/lg-host/abi';
import type { Unit } from '../image/assemble.js';
import { systemCallNames } from '../kernel/system-calls.js';

const GETPID = systemCallNames.indexOf('getpid');

/** The first instruction of the program; systemCall(number, a, b, c); and loops of calls for the benchmark. */
export const calls: Unit = {
  name: 'user-calls',
  text: `
start:
  call userMain
  mov %eax, %ebx
  mov $${systemCallNames.indexOf('exit')}, %eax
  int $${SYSCALL_VECTOR}

systemCall:
  push %ebx
  mov 8(%esp), %eax
  mov 12(%esp), %ebx
  mov 16(%esp), %ecx
  mov 20(%esp), %edx
  int $${SYSCALL_VECTOR}
  pop %ebx
  ret

directCalls:                   # directCalls(n): the smallest system call, n times, by the trap gate
  push %esi
  mov 8(%esp), %esi
L0:
  mov $${GETPID}, %eax
  int $${SYSCALL_VECTOR}
  dec %esi
  jnz L0
  pop %esi
  ret

reflectedCalls:                # the same by the interrupt gate
  push %esi
  mov 8(%esp), %esi
L1:
  mov $${GETPID}, %eax
  int3
  dec %esi
  jnz L1
  pop %esi
  ret
`,
};

/** exit(status), write(text, length), … as functions of the little language. */
export const callFunctions = {
  name: 'calls',
  text: systemCallNames.map((name, number) => `const SYS_${name} = ${number};\n`).join(''),
};
