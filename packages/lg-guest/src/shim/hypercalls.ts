/*G:110
 * Asking the Host.
 *
 * A hypercall is a number in eax, up to four arguments in ebx, ecx, edx and esi, and `int $0x1f`. Nothing comes back.
 * Each costs a trip out of the Guest, so calls that need not happen now go into the ring in lguest_data: the Host
 * carries them out, in order, before the next call that does trap. A context switch is three of them and one trip.
 */
import { LGUEST_TRAP_ENTRY } from '@lguest/lg-host/abi';
import type { Unit } from '../image/assemble.js';
import { source } from '../language/b.js';

/** hypercall(number, first, second, third, fourth), as a function. */
export const hypercall: Unit = {
  name: 'hypercall',
  text: `
hypercall:
  push %ebx
  push %esi
  mov 12(%esp), %eax
  mov 16(%esp), %ebx
  mov 20(%esp), %ecx
  mov 24(%esp), %edx
  mov 28(%esp), %esi
  incl hypercallCounts(,%eax,4)
  int $${LGUEST_TRAP_ENTRY}
  pop %esi
  pop %ebx
  ret
`,
};

/** hypercallLater(…): the same, when the Host is next at it. */
export const hypercallRing = source('hypercalls')`
bytes lguestData[LGUEST_DATA_BYTES];
var hypercallCounts[128], deferredCalls, nextSlot;

function hypercallLater(call, first, second, third, fourth) {
  var flags = irqSave();
  if (load8(lguestData + LguestDataOffset_hcallStatus + nextSlot) != LHCALL_SLOT_FREE) {
    // the ring is full: a call that traps empties it first, so order is kept
    hypercall(call, first, second, third, fourth);
  } else {
    var entry = lguestData + LguestDataOffset_hcalls + nextSlot * LHCALL_ENTRY_BYTES;
    entry[0] = call;
    entry[1] = first;
    entry[2] = second;
    entry[3] = third;
    entry[4] = fourth;
    // the status is written last: from then on the slot is the Host's
    store8(lguestData + LguestDataOffset_hcallStatus + nextSlot, LHCALL_SLOT_PENDING);
    nextSlot = (nextSlot + 1) % LHCALL_RING_SIZE;
    deferredCalls++;
  }
  irqRestore(flags);
}
`;
