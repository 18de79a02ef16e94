/*G:140
 * From one task to another.
 *
 * The Host is told first, in one trip: the ring-1 stack for traps out of user space, the thread's own segments, the page
 * directory. Then the stack pointer changes hands. Nothing else is needed: what a task was doing is on its stack.
 */
import type { Unit } from '../image/assemble.js';
import { source } from '../language/b.js';

/** switchStacks(place to keep our esp, the other's esp). A new task's stack looks as if it had called this. */
export const switchStacks: Unit = {
  name: 'switch-stacks',
  text: `
switchStacks:
  mov 4(%esp), %ecx
  mov 8(%esp), %edx
  push %ebp
  push %ebx
  push %esi
  push %edi
  mov %gs, %eax                # the thread's segment: reloaded, because its descriptor has changed
  push %eax
  mov %esp, (%ecx)
  mov %edx, %esp
  pop %eax
  mov %eax, %gs
  pop %edi
  pop %esi
  pop %ebx
  pop %ebp
  ret
`,
};

/** switchTo(task): returns when somebody switches back. */
export const switchTo = source('switch')`
function switchTo(next) {
  var previous = current;
  hypercallLater(LHCALL_SET_STACK, GUEST_KERNEL_DS, next->stackTop, KERNEL_STACK_PAGES, 0);
  hypercallLater(LHCALL_LOAD_TLS, physicalOf(next + offset_tls), 0, 0, 0);
  hypercallLater(LHCALL_NEW_PGTABLE, next->directory, 0, 0, 0);
  hypercall(LHCALL_FLUSH_ASYNC, 0, 0, 0, 0);
  current = next;
  next->switches++;
  contextSwitches++;
  switchStacks(previous + offset_stackPointer, next->stackPointer);
}
`;
