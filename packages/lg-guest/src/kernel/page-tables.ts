/*G:210
 * Page tables, and telling the Host about them.
 *
 * A Guest's page tables are ordinary ones in its own memory, with its own physical addresses in them. The CPU never
 * looks at them: the Host keeps shadows and fills those from ours when the Guest faults. So an entry that appears need
 * not be announced (though it saves a fault), but an entry that is taken away or restricted must be, or the old shadow
 * lives on. The announcements wait in the hypercall ring where nothing depends on them before the next trip.
 */
import { source } from '../language/b.js';

/** The kernel's own map, and entries of user address spaces. */
export const pageTables = source('page tables')`
bytes kernelDirectory[PAGE_SIZE], bootTable[PAGE_SIZE], deviceTable[PAGE_SIZE];

const FRAME_MASK = 0xfffff000;
const TABLE_SHIFT = 22;
const FIRST_KERNEL_SLOT = KERNEL_BASE >> 22;

function fillTable(table, frame, count) {
  for (var i = 0; i < count; i++) table[i] = (frame + i * PAGE_SIZE) | KERNEL_ENTRY;
}

function setKernelSlot(slot, table) {
  kernelDirectory[slot] = physicalOf(table) | KERNEL_ENTRY;
  hypercallLater(LHCALL_SET_PGD, physicalOf(kernelDirectory), slot, 0, 0);
}

// All of memory at KERNEL_BASE, the device pages at DEVICE_WINDOW, and the lower map that booting needed gone.
function mapKernel() {
  for (var mapped = PAGE_BYTES_PER_TABLE; mapped < directBytes; mapped += PAGE_BYTES_PER_TABLE) {
    var table = virtualOf(bootAllocate(PAGE_SIZE));
    var left = (directBytes - mapped) / PAGE_SIZE;
    fillTable(table, mapped, left < ENTRIES_PER_TABLE ? left : ENTRIES_PER_TABLE);
    setKernelSlot((KERNEL_BASE + mapped) >> TABLE_SHIFT, table);
  }
  fillTable(deviceTable, memoryBytes, DEVICE_PAGES);
  setKernelSlot(DEVICE_WINDOW >> TABLE_SHIFT, deviceTable);
  kernelDirectory[0] = 0;
  hypercallLater(LHCALL_SET_PGD, physicalOf(kernelDirectory), 0, 0, 0);
  hypercall(LHCALL_FLUSH_TLB, 1, 0, 0, 0);
}

// A directory that has the kernel's part and nothing else; 0 when memory is gone. Directories are physical addresses.
function newDirectory() {
  var directory = frameAllocate();
  if (directory != 0)
    copyBytes(virtualOf(directory) + FIRST_KERNEL_SLOT * 4, kernelDirectory + FIRST_KERNEL_SLOT * 4, (ENTRIES_PER_TABLE - FIRST_KERNEL_SLOT) * 4);
  return directory;
}

// Where the entry for a user address is kept, or 0. With make, a missing page table is made.
function entryOf(directory, address, make) {
  var slot = address >> TABLE_SHIFT;
  var entry = virtualOf(directory) + slot * 4;
  if (entry[0] == 0) {
    if (!make) return 0;
    var table = frameAllocate();
    if (table == 0) return 0;
    entry[0] = table | USER_ENTRY;
    hypercallLater(LHCALL_SET_PGD, directory, slot, 0, 0);
  }
  return virtualOf(entry[0] & FRAME_MASK) + ((address >> 12) & (ENTRIES_PER_TABLE - 1)) * 4;
}

// Write an entry, and say so at once: the program is about to use it.
function setEntry(directory, address, entry, value) {
  entry[0] = value;
  hypercall(LHCALL_SET_PTE, directory, address, value, 0);
}

// Give back everything a user address space names, and its tables.
function freeUserPages(directory) {
  for (var slot = 0; slot < FIRST_KERNEL_SLOT; slot++) {
    var place = virtualOf(directory) + slot * 4;
    if (place[0] == 0) continue;
    var table = virtualOf(place[0] & FRAME_MASK);
    for (var i = 0; i < ENTRIES_PER_TABLE; i++)
      if (table[i] != 0) frameRelease(table[i] & FRAME_MASK);
    frameRelease(place[0] & FRAME_MASK);
    place[0] = 0;
    hypercallLater(LHCALL_SET_PGD, directory, slot, 0, 0);
  }
}

// fork: both sides get every page, and neither may write to it without asking. Returns 0 when memory is gone.
function copyUserPages(from, to) {
  for (var slot = 0; slot < FIRST_KERNEL_SLOT; slot++) {
    var place = virtualOf(from) + slot * 4;
    if (place[0] == 0) continue;
    var table = virtualOf(place[0] & FRAME_MASK);
    var copy = entryOf(to, slot << TABLE_SHIFT, 1);
    if (copy == 0) return 0;
    for (var i = 0; i < ENTRIES_PER_TABLE; i++) {
      var entry = table[i];
      if (entry == 0) continue;
      if (entry & PageBit_write) {
        entry = (entry & ~PageBit_write) | PageBit_copyOnWrite;
        table[i] = entry;
      }
      frameShare(entry & FRAME_MASK);
      copy[i] = entry;
    }
  }
  // what this address space could write a moment ago it can no longer
  hypercall(LHCALL_FLUSH_TLB, 0, 0, 0, 0);
  return 1;
}
`;
