/*G:150
 * Touching user memory.
 *
 * A user address may be anything: absent for now, waiting to be copied, or nonsense. The kernel simply uses it. An
 * absent page faults, in ring 1 this time, and the handler fills it in as it would for the program. Nonsense faults
 * too; then the handler sees that eip lies in this range and continues at userCopyFault, which reports failure.
 */
import type { Unit } from '../image/assemble.js';
import { KERNEL_BASE } from '../layout.js';

/** copyUser(to, from, bytes, the user's one of the two): 0, or ~0 when that memory is not the user's to use. */
export const userCopy: Unit = {
  name: 'user-copy',
  text: `
copyUser:
  push %esi
  push %edi
  mov 24(%esp), %eax
  mov 20(%esp), %ecx
  cmp $${KERNEL_BASE}, %eax
  ja userCopyFault
  mov $${KERNEL_BASE}, %edx
  sub %eax, %edx
  cmp %edx, %ecx
  ja userCopyFault
  mov 12(%esp), %edi
  mov 16(%esp), %esi
userCopyStart:
  rep movsb
userCopyEnd:
  xor %eax, %eax
  jmp L0
userCopyFault:
  mov $-1, %eax
L0:
  pop %edi
  pop %esi
  ret
`,
};
