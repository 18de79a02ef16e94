/*G:310
 * The kernel's life story.
 *
 * How much memory is there, map it, tell the Host our tables, start the devices and the clock, make the first program,
 * and from then on do nothing whenever there is nothing to do.
 */
import { source } from '../language/b.js';

/** main(): where the entry code jumps, on the stack of task 0. */
export const main = source('main')`
function main() {
  current = taskAt(0);
  current->state = READY;
  current->stackTop = kernelStacks + KERNEL_STACK_BYTES;
  current->directory = physicalOf(kernelDirectory);
  copyText(current + offset_name, "idle", 16);
  nextPid = INIT_PID;

  // the lower map is still there: boot_params can be read where the Launcher put it
  memoryBytes = load32(virtualOf(BOOT_PARAMS_ADDRESS + BootParamsOffset_e820Map + E820Offset_size));
  if (load32(virtualOf(BOOT_PARAMS_ADDRESS + BootParamsOffset_e820Map + E820Offset_size + 4)) != 0) memoryBytes = 0xfffff000;
  directBytes = (memoryBytes < DIRECT_MAP_BYTES ? memoryBytes : DIRECT_MAP_BYTES) & ~(PAGE_SIZE - 1);
  firstFresh = KERNEL_DATA + bssBytes;
  mapKernel();
  framesStart();

  loadSegments();
  loadTraps();
  hypercall(LHCALL_SET_STACK, GUEST_KERNEL_DS, current->stackTop, KERNEL_STACK_PAGES, 0);
  clockStart();
  unblockInterrupt(LGUEST_TIMER_IRQ);
  loadSystemCalls();

  consoleStart();
  blockStart();
  rngStart();
  print("lguest demo kernel: %d KiB of memory, kernel at 0x%08x, %d KiB free\n", memoryBytes / 1024, KERNEL_BASE, framesFree * (PAGE_SIZE / 1024));
  startInit();
  idle();
}
`;
