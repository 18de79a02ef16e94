/*G:160
 * The tables the CPU reads.
 *
 * A Guest has no lgdt and no lidt. It tells the Host each entry, and the Host puts it, made safe, into the real tables.
 * Ours: kernel segments in ring 1, user segments in ring 3, and one segment per thread. All gates are interrupt gates,
 * which the Host must see because they switch interrupts off, except the system call's. That is a trap gate, and the
 * Host lets those go straight from the CPU to us.
 */
import { GUEST_USER_DS } from '@lguest/lg-host/abi';
import type { Unit } from '../image/assemble.js';
import { source } from '../language/b.js';

/** useSegments(): from here on ds and es are the flat user segment, as the entry code expects. */
export const useSegments: Unit = {
  name: 'use-segments',
  text: `
useSegments:
  mov $${GUEST_USER_DS}, %eax
  mov %eax, %ds
  mov %eax, %es
  ret
`,
};

/** loadSegments(), loadTraps(). */
export const tables = source('tables')`
// Descriptors (SDM volume 3, 3.4.5): flat, 4 GiB, 32 bits. The low word is the same for all.
const FLAT_LOW = 0x0000ffff;
const FLAT_KERNEL_CODE = 0x00cfba00;
const FLAT_KERNEL_DATA = 0x00cfb200;
const FLAT_USER_CODE = 0x00cffa00;
const FLAT_USER_DATA = 0x00cff200;

// Gates (SDM volume 3, 6.11): present, and the privilege that int n needs.
const GATE_PRESENT = 0x8000;
const GATE_INTERRUPT = 0x0e00;
const GATE_TRAP = 0x0f00;
const GATE_USER = 0x6000;

function loadSegments() {
  hypercall(LHCALL_LOAD_GDT_ENTRY, GDT_ENTRY_KERNEL_CS, FLAT_LOW, FLAT_KERNEL_CODE, 0);
  hypercall(LHCALL_LOAD_GDT_ENTRY, GDT_ENTRY_KERNEL_DS, FLAT_LOW, FLAT_KERNEL_DATA, 0);
  hypercall(LHCALL_LOAD_GDT_ENTRY, GDT_ENTRY_USER_CS, FLAT_LOW, FLAT_USER_CODE, 0);
  hypercall(LHCALL_LOAD_GDT_ENTRY, GDT_ENTRY_USER_DS, FLAT_LOW, FLAT_USER_DATA, 0);
  useSegments();
}

// A thread's own segment begins at base and is one page long; its other two are left empty.
function makeThreadSegment(descriptors, base) {
  descriptors[0] = (base << 16) | 0xfff;
  descriptors[1] = (base & 0xff000000) | 0x0040f200 | ((base >> 16) & 0xff);
  descriptors[2] = 0;
  descriptors[3] = 0;
  descriptors[4] = 0;
  descriptors[5] = 0;
}

function setGate(vector, handler, flags) {
  hypercall(LHCALL_LOAD_IDT_ENTRY, vector, (GUEST_KERNEL_CS << 16) | (handler & 0xffff), (handler & 0xffff0000) | GATE_PRESENT | flags, 0);
}

function loadTraps() {
  for (var vector = 0; vector < FIRST_EXTERNAL_VECTOR + LGUEST_IRQS; vector++)
    setGate(vector, trapStubs[vector], GATE_INTERRUPT);
  setGate(BREAKPOINT, trapStubs[BREAKPOINT], GATE_INTERRUPT | GATE_USER);
  setGate(SYSCALL_VECTOR, syscallDirect, GATE_TRAP | GATE_USER);
}
`;
