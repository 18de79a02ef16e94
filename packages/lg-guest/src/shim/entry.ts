/*G:100
 * The first instructions of a Guest.
 *
 * We wake up in ring 1 with flat segments, no page tables and esi pointing at boot_params, at our physical address
 * although we are linked 3 GiB above it. (Every symbol below is therefore used minus KERNEL_BASE, until the jump.)
 * boot_params says whether we are a Guest at all; a kernel that also ran on bare hardware would take another road here.
 *
 * Then the two hypercalls that make us one: LGUEST_INIT shows the Host our lguest_data, NEW_PGTABLE our first page
 * directory. That maps the first 4 MiB twice, where we are and where we want to be. After the jump the lower one can go.
 */
import {
  BOOT_SUBARCH_LGUEST, BootParamsOffset, LGUEST_TRAP_ENTRY, LHCALL_LGUEST_INIT, LHCALL_NEW_PGTABLE, LHCALL_RING_SIZE,
  LguestDataOffset, PAGE_SIZE, SYSCALL_VECTOR,
} from '@lguest/lg-host/abi';
import type { Unit } from '../image/assemble.js';
import { KERNEL_BASE, KERNEL_STACK_BYTES } from '../layout.js';
import { ENTRIES_PER_TABLE, KERNEL_ENTRY, PAGE_BYTES_PER_TABLE } from './paging-bits.js';

const physical = (symbol: string): string => `${symbol}-${KERNEL_BASE}`;
const data = (offset: number): string => physical(`lguestData+${offset}`);
const KERNEL_SLOT = (KERNEL_BASE / PAGE_BYTES_PER_TABLE) * 4;
/** All interrupts masked until their drivers are there; the clock's is let through when it is programmed. */
const ALL_BLOCKED = 0xffff_ffff;

/** `bssStart` and `bssWords` come from the linker. */
export const entry: Unit = {
  name: 'entry',
  text: `
entry:
  cld
  mov $${physical('bssStart')}, %edi
  mov $bssWords, %ecx
  xor %eax, %eax
  rep stosl
  mov $${physical(`kernelStacks+${KERNEL_STACK_BYTES}`)}, %esp
  cmpl $${BOOT_SUBARCH_LGUEST}, ${BootParamsOffset.hardwareSubarch}(%esi)
  je L1
L0:                            # not under lguest: nobody to tell
  hlt
  jmp L0

L1:                            # one page table for the first 4 MiB
  mov $${physical('bootTable')}, %edi
  mov $${KERNEL_ENTRY}, %eax
  mov $${ENTRIES_PER_TABLE}, %ecx
L2:
  mov %eax, (%edi)
  add $4, %edi
  add $${PAGE_SIZE}, %eax
  dec %ecx
  jnz L2
  mov $${physical('bootTable')}+${KERNEL_ENTRY}, %eax
  mov %eax, ${physical('kernelDirectory')}
  mov %eax, ${physical(`kernelDirectory+${KERNEL_SLOT}`)}

  mov $noirqStart, %eax        # what the Host wants to find in lguest_data
  mov %eax, ${data(LguestDataOffset.noirqStart)}
  mov $noirqEnd, %eax
  mov %eax, ${data(LguestDataOffset.noirqEnd)}
  movl $${KERNEL_BASE}, ${data(LguestDataOffset.kernelAddress)}
  movl $${SYSCALL_VECTOR}, ${data(LguestDataOffset.syscallVec)}
  movl $${ALL_BLOCKED}, ${data(LguestDataOffset.blockedInterrupts)}
  mov $${data(LguestDataOffset.hcallStatus)}, %edi
  mov $${ALL_BLOCKED}, %eax    # 0xff in every status byte: every slot is free
  mov $${LHCALL_RING_SIZE / 4}, %ecx
  rep stosl

  mov $${LHCALL_LGUEST_INIT}, %eax
  mov $${physical('lguestData')}, %ebx
  int $${LGUEST_TRAP_ENTRY}
  mov $${LHCALL_NEW_PGTABLE}, %eax
  mov $${physical('kernelDirectory')}, %ebx
  int $${LGUEST_TRAP_ENTRY}
  mov $high, %eax
  jmp *%eax
high:
  add $${KERNEL_BASE}, %esp
  xor %ebp, %ebp
  call main
  ud2
`,
};
