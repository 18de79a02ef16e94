/*L:110
 * The plain way to ship a kernel is the file the linker made: `vmlinux`. An ELF file for 32-bit x86 says which stretches
 * of it belong where in physical memory. We put them there and enter where it says. Nothing in the file is believed
 * before it was checked: a truncated or foreign file must end in a sentence, not in a Guest that dies of nonsense.
 *
 * The format: System V ABI, chapter 4 and 5; Intel386 supplement.
 */
import { LauncherError } from '../error.js';
import { copyIn, type GuestMemory } from '../memory.js';
import type { LoadedKernel } from './kernel.js';

/** The first four bytes of an ELF file, little-endian: 0x7f 'E' 'L' 'F'. */
const ELF_MAGIC = 0x464c_457f;
/** e_ident offsets and the values an i386 file has there. */
const Ident = { class: 4, data: 5, class32: 1, class64: 2, littleEndian: 1 } as const;
/** Byte offsets in the file header. */
const Header = { type: 16, machine: 18, entry: 24, phoff: 28, phentsize: 42, phnum: 44, bytes: 52 } as const;
/** e_type of a program linked to fixed addresses. */
const ET_EXEC = 2;
/** e_machine of the Intel 386. */
const EM_386 = 3;
/** Byte offsets in a program header. */
const Program = { type: 0, offset: 4, paddr: 12, filesz: 16, memsz: 20, bytes: 32 } as const;
/** p_type of a stretch to load. */
const PT_LOAD = 1;

interface Stretch {
  readonly offset: number;
  readonly address: number;
  readonly fileBytes: number;
  readonly memoryBytes: number;
}

/** Whether an image starts like an ELF file. */
export function isElf(image: Uint8Array): boolean {
  return image.length >= 4 && viewOf(image).getUint32(0, true) === ELF_MAGIC;
}

/**
 * Load an ELF kernel.
 * @param lowest first guest-physical address a kernel may occupy; what is below belongs to the Launcher.
 * @throws LauncherError 'bad-kernel' and 'does-not-fit'.
 */
export function loadElf(image: Uint8Array, name: string, memory: GuestMemory, ramBytes: number, lowest: number): LoadedKernel {
  const stretches = readStretches(image, name);
  const end = Math.max(...stretches.map((stretch) => stretch.address + stretch.memoryBytes));
  if (end > ramBytes) throw tooBig(name, end, ramBytes);
  if (stretches.some((stretch) => stretch.address < lowest)) {
    throw bad(name, `loads over the first ${lowest} bytes of memory, where the boot parameters are; link it higher`);
  }
  const entry = viewOf(image).getUint32(Header.entry, true);
  if (!stretches.some(({ address, memoryBytes }) => entry >= address && entry < address + memoryBytes)) {
    throw bad(name, `is entered at 0x${entry.toString(16)}, where it loads nothing; its entry must be a physical address`);
  }
  for (const { offset, address, fileBytes } of stretches) copyIn(memory, address, image.subarray(offset, offset + fileBytes));
  return { format: 'vmlinux', entry, end };
}

function readStretches(image: Uint8Array, name: string): Stretch[] {
  const view = viewOf(image);
  if (image.length < Header.bytes) throw truncated(name);
  if (image[Ident.class] === Ident.class64) throw bad(name, 'is 64-bit; lguest runs 32-bit x86 kernels (ARCH=i386)');
  if (image[Ident.class] !== Ident.class32 || image[Ident.data] !== Ident.littleEndian || view.getUint16(Header.machine, true) !== EM_386) {
    throw bad(name, 'is an ELF file for another machine; lguest runs 32-bit x86 kernels');
  }
  if (view.getUint16(Header.type, true) !== ET_EXEC) {
    throw bad(name, 'is an ELF file but not an executable one; use the vmlinux at the top of the kernel\'s build tree');
  }
  const first = view.getUint32(Header.phoff, true);
  const size = view.getUint16(Header.phentsize, true);
  const count = view.getUint16(Header.phnum, true);
  if (size < Program.bytes) throw bad(name, `has program headers of ${size} bytes, fewer than ${Program.bytes}; it is damaged`);
  if (first + size * count > image.length) throw truncated(name);

  const stretches: Stretch[] = [];
  for (let index = 0; index < count; index++) {
    const at = first + index * size;
    if (view.getUint32(at + Program.type, true) !== PT_LOAD) continue;
    const offset = view.getUint32(at + Program.offset, true);
    const fileBytes = view.getUint32(at + Program.filesz, true);
    const memoryBytes = view.getUint32(at + Program.memsz, true);
    if (memoryBytes === 0) continue;
    if (fileBytes > memoryBytes) throw bad(name, 'has more bytes in the file than in memory for one part; it is damaged');
    if (offset + fileBytes > image.length) throw truncated(name);
    stretches.push({ offset, address: view.getUint32(at + Program.paddr, true), fileBytes, memoryBytes });
  }
  if (stretches.length === 0) throw bad(name, 'has nothing to load; use the vmlinux at the top of the kernel\'s build tree');
  return stretches;
}

function viewOf(image: Uint8Array): DataView {
  return new DataView(image.buffer, image.byteOffset, image.byteLength);
}

function bad(name: string, fault: string): LauncherError {
  return new LauncherError('bad-kernel', `${name} ${fault}.`);
}

function truncated(name: string): LauncherError {
  return bad(name, 'is cut short: it names parts beyond its end; copy or build it again');
}

/** The sentence for a kernel that needs memory up to `end`. */
export function tooBig(name: string, end: number, ramBytes: number): LauncherError {
  const mebibyte = 1 << 20;
  const needed = Math.ceil(end / mebibyte);
  return new LauncherError(
    'does-not-fit',
    `${name} needs memory up to ${needed} MiB and the Guest has ${Math.floor(ramBytes / mebibyte)} MiB; give it more (--memory ${comfortableMebibytes(end)}M).`,
  );
}

/** What a kernel needs beyond itself before it can do anything useful. */
const HEADROOM_MIB = 16;

/** MiB in which a kernel that occupies memory up to `end` can live. */
export function comfortableMebibytes(end: number): number {
  return Math.ceil(end / (1 << 20)) + HEADROOM_MIB;
}
