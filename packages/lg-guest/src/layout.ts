/*P:400
 * Where everything lies.
 *
 * A kernel that is linked at one place and loaded at another is the normal case: it runs at 3 GiB and up, so that user
 * programs have the room below, and is loaded at 1 MiB, because that is where memory starts. The two differ by
 * KERNEL_BASE. The demo kernel decides all its addresses before a line is assembled; the build complains when a part
 * outgrows its place.
 */
import { PAGE_SIZE } from '@lguest/lg-host/abi';

/** Virtual minus physical address of everything the kernel maps directly; also lguest_data.kernel_address. */
export const KERNEL_BASE = 0xc000_0000;
/** Physical address of the kernel's code, and of its entry. */
export const KERNEL_CODE = 0x10_0000;
/** Physical address of the user program's code and constants. Up to here the kernel's code may grow. */
export const USER_IMAGE = 0x14_0000;
/** Physical address of the kernel's variables, zero at the start. Up to here the user program may grow. */
export const KERNEL_DATA = 0x16_0000;
/** Virtual address at which the user program is linked. */
export const USER_CODE = 0x0804_8000;
/** Virtual address of the user program's variables. */
export const USER_DATA = 0x0810_0000;
/** Bytes of address space for them. */
export const USER_DATA_BYTES = 0x10_0000;
/** User space to do as one likes with; pages appear when they are touched. */
export const USER_HEAP = 0x1000_0000;
/** Bytes of it. */
export const USER_HEAP_BYTES = 0x400_0000;
/** Top of the user stack. */
export const USER_STACK_TOP = 0xbff0_0000;
/** Bytes it may grow to. */
export const USER_STACK_BYTES = 0x10_0000;
/** Virtual address at which the kernel sees the device pages, which lie right above RAM. */
export const DEVICE_WINDOW = 0xf800_0000;
/** As much RAM as fits between the two uses memory directly; more is left alone. */
export const DIRECT_MAP_BYTES = DEVICE_WINDOW - KERNEL_BASE;
/** No page of this is ever mapped: a kernel that reads it has lost its way. */
export const NOWHERE = 0xff00_0000;

/** Tasks, the idle one included. */
export const MAX_TASKS = 16;
/** Bytes of a kernel stack: the two pages that SET_STACK may pin. */
export const KERNEL_STACK_BYTES = 2 * PAGE_SIZE;
