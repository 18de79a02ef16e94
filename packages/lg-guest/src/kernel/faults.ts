/*G:220
 * Page faults, all of them wanted.
 *
 * A program starts with no pages at all. Its text is in memory already and is mapped when it is first run; its variables
 * and its stack are zeros that nobody has made yet; after a fork its pages belong to two. Each first touch ends here.
 * (The Host has looked before us: faults that only meant a missing shadow never reach us, and the address of those that
 * do is in lguest_data, where a Guest looks instead of in cr2.)
 */
import { source } from '../language/b.js';

/** resolveFault(address, error code): 1 when the program can go on. */
export const faults = source('faults')`
var demandZeroFaults, copyOnWriteFaults, textFaults;

function within(address, start, size) { return address - start < size; }

function demandZero(address) {
  return within(address, USER_DATA, USER_DATA_BYTES) || within(address, USER_HEAP, USER_HEAP_BYTES) ||
    within(address, USER_STACK_TOP - USER_STACK_BYTES, USER_STACK_BYTES);
}

function resolveFault(address, error) {
  if (address >= KERNEL_BASE || current == taskAt(0)) return 0;
  var page = address & FRAME_MASK;
  if (error & PageBit_present) return (error & PageBit_write) ? resolveWrite(page) : 0;

  if (within(address, USER_CODE, userImageBytes)) {
    var text = entryOf(current->directory, page, 1);
    if (text == 0) return 0;
    textFaults++;
    setEntry(current->directory, page, text, (USER_IMAGE + page - USER_CODE) | USER_READ_ENTRY);
    return 1;
  }
  if (!demandZero(address)) return 0;
  var entry = entryOf(current->directory, page, 1);
  if (entry == 0) return 0;
  var frame = frameAllocate();
  if (frame == 0) return 0;
  demandZeroFaults++;
  setEntry(current->directory, page, entry, frame | USER_ENTRY);
  return 1;
}

// A write to a page that is there: the last user of a shared page may have it, others get a copy.
function resolveWrite(page) {
  var entry = entryOf(current->directory, page, 0);
  if (entry == 0) return 0;
  var old = entry[0];
  if ((old & PageBit_copyOnWrite) == 0) return 0;
  copyOnWriteFaults++;
  var frame = old & FRAME_MASK;
  if (load8(usesOf(frame)) > 1) {
    var copy = frameAllocate();
    if (copy == 0) return 0;
    copyBytes(virtualOf(copy), virtualOf(frame), PAGE_SIZE);
    frameRelease(frame);
    frame = copy;
  }
  setEntry(current->directory, page, entry, frame | USER_ENTRY);
  return 1;
}
`;
