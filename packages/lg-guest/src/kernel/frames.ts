/*G:200
 * Physical pages.
 *
 * The unit of memory is a page frame. Those never used lie above firstFresh; those given back are a list through their
 * own first words. Each has a count of how many page tables name it: fork makes it two, a write makes it one again.
 */
import { source } from '../language/b.js';

/** frameAllocate() gives a zeroed frame's physical address, or 0. */
export const frames = source('frames')`
const RESERVE = 16;        // frames that only init gets: it must be able to start a new shell

var outOfMemory, memoryBytes, directBytes, firstManaged, firstFresh, freeList, framesFree, frameUses;

function physicalOf(address) { return address - KERNEL_BASE; }
function virtualOf(address) { return address + KERNEL_BASE; }

// Memory that is taken for good, before there are counts: whole pages.
function bootAllocate(size) {
  var address = firstFresh;
  firstFresh = (firstFresh + size + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
  return address;
}

function framesStart() {
  frameUses = virtualOf(bootAllocate(directBytes / PAGE_SIZE));
  firstManaged = firstFresh;
  framesFree = (directBytes - firstFresh) / PAGE_SIZE;
}

function usesOf(frame) { return frameUses + frame / PAGE_SIZE; }

// With outOfMemory set, the answer is 0 because there was none, which whoever asked for a program may want to say.
function frameAllocate() {
  if (framesFree == 0 || (framesFree <= RESERVE && current->pid != INIT_PID)) {
    outOfMemory = 1;
    return 0;
  }
  var frame = freeList;
  if (frame != 0) freeList = load32(virtualOf(frame));
  else {
    frame = firstFresh;
    firstFresh += PAGE_SIZE;
  }
  framesFree--;
  store8(usesOf(frame), 1);
  fillWords(virtualOf(frame), 0, PAGE_SIZE / 4);
  return frame;
}

// The kernel's own pages (the program's text among them) are shared for ever and not counted.
function frameShare(frame) {
  if (frame >= firstManaged) store8(usesOf(frame), load8(usesOf(frame)) + 1);
}

function frameRelease(frame) {
  if (frame < firstManaged) return;
  var uses = load8(usesOf(frame)) - 1;
  store8(usesOf(frame), uses);
  if (uses != 0) return;
  store32(virtualOf(frame), freeList);
  freeList = frame;
  framesFree++;
}
`;
