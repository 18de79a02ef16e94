/*P:030
 * What the Launcher leaves on the doorstep.
 *
 * A kernel for a PC is entered with esi pointing at a page of facts its boot loader found out. A Guest gets the same
 * page, at guest-physical 0, with one thing a PC never says: the subarchitecture is lguest. Offsets are those of the
 * x86 boot protocol (Documentation/x86/boot.txt of the kernels in question), 2.07 or later.
 */

/** Guest-physical address of boot_params; also the start value of esi. */
export const BOOT_PARAMS_ADDRESS = 0;
/** Bytes of boot_params. */
export const BOOT_PARAMS_BYTES = 4096;
/** Guest-physical address of the NUL-terminated command line. */
export const COMMAND_LINE_ADDRESS = 0x1000;
/** Bytes of command line a Guest reads, NUL included. */
export const COMMAND_LINE_BYTES = 2048;

/** Byte offsets in boot_params (and, from setupSects on, in a bzImage file's header). */
export const BootParamsOffset = {
  /** u8: entries in the memory map. */
  e820Entries: 0x1e8,
  /** u8: sectors of real-mode code after the first; 0 means 4. */
  setupSects: 0x1f1,
  /** u16: BOOT_FLAG. */
  bootFlag: 0x1fe,
  /** u32: BOOT_HEADER_MAGIC. */
  header: 0x202,
  /** u16: boot protocol version. */
  version: 0x206,
  /** u8 */
  typeOfLoader: 0x210,
  /** u8 */
  loadflags: 0x211,
  /** u32: where a bzImage wants to be entered. */
  code32Start: 0x214,
  /** u32: guest-physical address of the initrd. */
  ramdiskImage: 0x218,
  /** u32: its size in bytes. */
  ramdiskSize: 0x21c,
  /** u32: guest-physical address of the command line. */
  cmdLinePtr: 0x228,
  /** u32: where a relocatable kernel may be put. */
  kernelAlignment: 0x230,
  /** u32: BOOT_SUBARCH_LGUEST. */
  hardwareSubarch: 0x23c,
  /** E820_ENTRY_BYTES each. */
  e820Map: 0x2d0,
} as const;

/** "HdrS": a kernel image with a boot-protocol header. */
export const BOOT_HEADER_MAGIC = 0x5372_6448;
/** The signature at the end of a boot sector. */
export const BOOT_FLAG = 0xaa55;
/** Boot protocol 2.07, the first with hardware_subarch. */
export const BOOT_PROTOCOL_VERSION = 0x0207;
/** type_of_loader: none of the registered ones. */
export const BOOT_LOADER_UNDEFINED = 0xff;
/** loadflags: the kernel's protected-mode part is loaded at BZIMAGE_LOAD_ADDRESS. */
export const LOADFLAG_LOADED_HIGH = 0x01;
/** loadflags: do not reload the segment registers at the 32-bit entry point. */
export const LOADFLAG_KEEP_SEGMENTS = 0x40;
/** hardware_subarch of a paravirtualised PC under lguest. */
export const BOOT_SUBARCH_LGUEST = 1;
/** Guest-physical address of a bzImage's protected-mode part. */
export const BZIMAGE_LOAD_ADDRESS = 0x10_0000;
/** kernel_alignment the Launcher writes. */
export const BOOT_KERNEL_ALIGNMENT = 0x100_0000;
/** Bytes of one disk sector, the unit of setup_sects. */
export const BOOT_SECTOR_BYTES = 512;

/** One memory map entry: address (u64), size (u64), type (u32). */
export const E820_ENTRY_BYTES = 20;
/** Byte offsets within one memory map entry. */
export const E820Offset = { address: 0, size: 8, type: 16 } as const;
/** Entries boot_params has room for. */
export const E820_MAX_ENTRIES = 128;
/** Usable memory. */
export const E820_RAM = 1;
