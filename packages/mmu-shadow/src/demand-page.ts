/*H:525
 * A page fault.
 *
 * The busiest function here: thousands of times in a boot the CPU finds nothing in the shadow, and a good three in
 * four of those faults are none of the Guest's business.
 */
import { Entry, FaultCode, hex, PAGE_SIZE, shadowOf, SOURCE_MASK } from './entries.js';
import { BAD_ENTRY } from './guest-tables.js';
import { NO_SLOT } from './shadow-directories.js';
import type { Shadow } from './shadow.js';
import { NO_FRAME } from './table-frames.js';

const { present, writable, user, accessed, dirty } = Entry;
/** Where identity-mapped tables would lie: nowhere. All of them have the same source. */
const LINEAR_SOURCE = present | writable;

/** Answer a fault from the Guest's tables, or from linear mode. False: it is the Guest's own, or the Guest is dead. */
export function demandPage(shadow: Shadow, address: number, errorCode: number): boolean {
  const { stats } = shadow;
  stats.faults++;
  const filled = shadow.linear ? fillLinear(shadow, address, errorCode) : fill(shadow, address, errorCode);
  if (filled) stats.filled++;
  else stats.reflected++;
  return filled;
}

function fill(shadow: Shadow, address: number, errorCode: number): boolean {
  // the Guest has nothing up there, and must be told so like of any other hole
  if (address >= shadow.windowBase) return false;
  const { guest, guestTables } = shadow;
  const directoryEntry = guestTables.directoryEntry(shadow.pgdir, address);
  if (directoryEntry === 0) return false;
  if (directoryEntry === BAD_ENTRY) return shadow.kill(guestTables.problem(address));
  const entry = guestTables.entry(directoryEntry, address);
  if ((entry & present) === 0) return false;

  const write = (errorCode & FaultCode.write) !== 0;
  const rights = directoryEntry & entry;
  if (write && (rights & writable) === 0) return false;
  if ((errorCode & FaultCode.user) !== 0 && (rights & user) === 0) return false;
  const at = guestTables.entryAddress;
  if (guestTables.refuses(entry, guestTables.entryHigh, at)) return shadow.kill(guestTables.problem(address));

  // what the CPU would have noted in these entries had it walked them
  if ((directoryEntry & accessed) === 0) guest.write32(guestTables.directoryAddress, directoryEntry | accessed);
  const marked = entry | (write ? accessed | dirty : accessed);
  if (marked !== entry) guest.write32(at, marked);

  enter(shadow, address, directoryEntry & SOURCE_MASK, shadowOf(marked));
  return true;
}

/*H:520
 * Before paging.
 *
 * A kernel starts with paging off, but the CPU has it on: the Host lives in the same virtual space. So each page is
 * mapped where it is, at its first touch, until the Guest loads a page directory of its own.
 */
function fillLinear(shadow: Shadow, address: number, errorCode: number): boolean {
  // beyond its memory there is nothing: the Host knows best what that means in a kernel that has no handlers yet
  if (address >= shadow.guest.limit || address >= shadow.windowBase || (errorCode & FaultCode.user) !== 0) return false;
  enter(shadow, address, LINEAR_SOURCE, shadowOf((address & -PAGE_SIZE) | writable | dirty));
  return true;
}

function enter(shadow: Shadow, address: number, source: number, entry: number): void {
  const region = address >>> shadow.directories.form.regionShift;
  shadow.entries.store(shadow.tables.tableFor(shadow.slot, region, source), address, entry);
}

/*H:545
 * Stack pages.
 *
 * A direct trap makes the CPU push onto the kernel's stack by itself. On a real machine a fault in the middle of that
 * would be the end, so the Guest names its stacks and we see that they are mapped and writable beforehand. Guest memory
 * never moves, so there is nothing more to holding a page than that.
 */

/** Map a page of the kernel's stack, writable. False when the Guest's tables do not allow it. */
export function pinPage(shadow: Shadow, address: number): boolean {
  if (address >= shadow.windowBase) {
    return shadow.kill(`stack page ${hex(address)} lies in the Switcher window, which begins at ${hex(shadow.windowBase)}`);
  }
  return isWritable(shadow, address) || demandPage(shadow, address, FaultCode.write);
}

/** True when the shadow lets the kernel write to an address. */
export function isWritable(shadow: Shadow, address: number): boolean {
  const { directories, slot } = shadow;
  if (slot === NO_SLOT) return false;
  const table = directories.table(slot, address >>> directories.form.regionShift);
  return table !== NO_FRAME && (shadow.frames.source[table]! & shadow.entries.entry(table, address) & writable) !== 0;
}

/** Guest-physical address behind a virtual one, by the Guest's own tables; undefined when they have none. */
export function guestPhysical(shadow: Shadow, address: number): number | undefined {
  if (address >= shadow.windowBase || shadow.slot === NO_SLOT) return undefined;
  if (shadow.linear) return address < shadow.guest.limit ? address : undefined;
  return shadow.guestTables.physical(shadow.pgdir, address);
}
