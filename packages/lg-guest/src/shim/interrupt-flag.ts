/*G:120
 * Disabling interrupts without asking.
 *
 * The CPU's own interrupt flag belongs to the Host and is always set while we run. Ours is a word in lguest_data: with
 * it zero, the Host keeps interrupts back and notes that there are some. Disabling is one store. Enabling is a store
 * and a look whether something waits; if so, any hypercall would do, and SEND_INTERRUPTS is the one that does nothing
 * else. (Linux 3.10 forgets the look in one of two places and waits for the next trap by accident.)
 */
import { LGUEST_TRAP_ENTRY, LguestDataOffset, LHCALL_SEND_INTERRUPTS, X86_EFLAGS_IF } from '@lguest/lg-host/abi';
import type { Unit } from '../image/assemble.js';

const enabled = `lguestData+${LguestDataOffset.irqEnabled}`;
const pending = `lguestData+${LguestDataOffset.irqPending}`;

/** irqSave() disables and returns what was; irqRestore(flags) goes back to that; irqEnable(); irqDisable(). */
export const interruptFlag: Unit = {
  name: 'interrupt-flag',
  text: `
irqSave:
  mov ${enabled}, %eax
  and $${X86_EFLAGS_IF}, %eax
irqDisable:
  movl $0, ${enabled}
  ret
irqRestore:
  testl $${X86_EFLAGS_IF}, 4(%esp)
  jz irqDisable
irqEnable:
  movl $${X86_EFLAGS_IF}, ${enabled}
  testl $${X86_EFLAGS_IF}, ${pending}
  jz L0
  mov $${LHCALL_SEND_INTERRUPTS}, %eax
  incl hypercallCounts(,%eax,4)
  int $${LGUEST_TRAP_ENTRY}
L0:
  ret
`,
};
