/*G:280
 * How to die.
 *
 * A Host must survive every Guest. These are five ways for ours to go wrong on purpose. The first is the kernel's own
 * affair, which it notices and reports; the others are things no Guest may do, and the Host ends it there and then.
 */
import { source } from '../language/b.js';

/** The kinds of crash, in the order of the system call's argument. */
export const crashKinds = ['kernel-page-fault', 'triple', 'bad-hypercall', 'bad-pte', 'bad-idt'] as const;

/** crash(kind): returns only when it does not know the kind. */
export const crash = source('crash')`
const NO_SUCH_HYPERCALL = 99;
const TASK_GATE = 0x8500;
const GENERAL_PROTECTION = 13;

function crash(kind) {
  if (kind == 0) load32(NOWHERE);
  if (kind == 1) {
    // no handler for a page fault, none for what follows from that: on a PC this resets the machine
    hypercall(LHCALL_LOAD_IDT_ENTRY, GENERAL_PROTECTION, 0, 0, 0);
    hypercall(LHCALL_LOAD_IDT_ENTRY, PAGE_FAULT, 0, 0, 0);
    load32(NOWHERE);
  }
  if (kind == 2) hypercall(NO_SUCH_HYPERCALL, 0, 0, 0, 0);
  if (kind == 3) {
    // a page of memory that is not ours: the last there could be
    var entry = entryOf(current->directory, USER_HEAP, 1);
    setEntry(current->directory, USER_HEAP, entry, FRAME_MASK | USER_ENTRY);
    store8(USER_HEAP, 0);
  }
  if (kind == 4) hypercall(LHCALL_LOAD_IDT_ENTRY, FIRST_EXTERNAL_VECTOR, GUEST_KERNEL_CS << 16, TASK_GATE, 0);
  return ~0;
}
`;
