/*
 * Good kernels land where they say; bad ones end in a sentence that names them.
 */
import { BootParamsOffset, BZIMAGE_LOAD_ADDRESS, COMMAND_LINE_ADDRESS, E820Offset } from '@lguest/lg-host/abi';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LauncherError } from '../error.js';
import { testMemory } from '../testing/mock-driver.js';
import { crcRemainder } from './crc.js';
import { bzImage, elfImage, KERNEL_ADDRESS } from './images.test-support.js';
import { loadImages } from './kernel.js';

const MIB = 1 << 20;
const RAM = 4 * MIB;

function load(kernel: Uint8Array, more: { initrd?: Uint8Array; commandLine?: string } = {}) {
  const memory = testMemory(RAM + MIB);
  const loaded = loadImages({ kernel, kernelName: 'test.img', initrdName: 'initrd.gz', commandLine: '', ...more }, memory, RAM);
  return { memory, loaded };
}

function complaint(kernel: Uint8Array, more: { initrd?: Uint8Array; commandLine?: string } = {}): string {
  try {
    load(kernel, more);
  } catch (error) {
    expect(error).toBeInstanceOf(LauncherError);
    return (error as LauncherError).message;
  }
  throw new Error('it was loaded');
}

describe('an ELF kernel', () => {
  it('is copied to its physical address and entered where it says', () => {
    const { memory, loaded } = load(elfImage({ code: Uint8Array.of(1, 2, 3), memoryBytes: 5000 }));
    expect([...memory.bytes.subarray(KERNEL_ADDRESS, KERNEL_ADDRESS + 4)]).toEqual([1, 2, 3, 0]);
    expect(loaded).toEqual({ format: 'vmlinux', entry: KERNEL_ADDRESS, end: KERNEL_ADDRESS + 5000 });
  });

  it.each([
    ['empty', new Uint8Array(0), 'test.img is empty'],
    ['no kernel', new TextEncoder().encode('hello, world'), 'neither an ELF vmlinux nor a bzImage'],
    ['gzip', Uint8Array.of(0x1f, 0x8b, 8, 0), 'compressed with gzip; unpack it'],
    ['64-bit', elfImage({ elfClass: 2 }), 'is 64-bit; lguest runs 32-bit'],
    ['ARM', elfImage({ machine: 40 }), 'another machine'],
    ['an object file', elfImage({ type: 1 }), 'not an executable one'],
    ['only the file header', elfImage().subarray(0, 52), 'cut short'],
    ['half a file header', elfImage().subarray(0, 20), 'cut short'],
    ['half the code', elfImage({ code: new Uint8Array(100) }).subarray(0, 120), 'cut short'],
    ['short program headers', elfImage({ programHeaderBytes: 8 }), 'damaged'],
    ['more in the file than in memory', elfImage({ fileBytes: 1, memoryBytes: 1, code: Uint8Array.of(0), programType: 2 }), 'nothing to load'],
    ['file bytes beyond memory bytes', elfImage({ code: new Uint8Array(8), memoryBytes: 4 }), 'damaged'],
    ['over the boot parameters', elfImage({ address: 0x1000 }), 'link it higher'],
    ['entered elsewhere', elfImage({ entry: 0xc010_0000 }), 'entry must be a physical address'],
    ['too big', elfImage({ memoryBytes: 8 * MIB }), 'give it more (--memory 25M)'],
    ['at the very top', elfImage({ address: 0xffff_f000, memoryBytes: 0x2000 }), 'needs memory up to 4097 MiB'],
  ])('is refused when it is %s', (_, image, sentence) => {
    expect(complaint(image)).toContain(sentence);
    expect(complaint(image)).toMatch(/test\.img.*\.$/);
  });

  it('never makes the loader fall over, whatever its bytes are', () => {
    const good = elfImage({ code: new Uint8Array(64) });
    fc.assert(fc.property(fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 8 }), fc.nat(good.length), (edits, length) => {
      const image = good.slice(0, length);
      for (const [at, value] of edits) if (at < length) image[at] = value;
      try {
        load(image);
      } catch (error) {
        if (!(error instanceof LauncherError)) throw error;
      }
    }), { numRuns: 300 });
  });
});

describe('the checksum', () => {
  it('is the usual one, before its bits are turned over', () => {
    expect(~crcRemainder(new TextEncoder().encode('123456789')) >>> 0).toBe(0xcbf4_3926);
  });
});

describe('a bzImage', () => {
  it('is loaded at 1 MiB, without its set-up sectors', () => {
    const { memory, loaded } = load(bzImage({ payload: Uint8Array.of(7, 8, 9), setupSectors: 3 }));
    expect([...memory.bytes.subarray(BZIMAGE_LOAD_ADDRESS, BZIMAGE_LOAD_ADDRESS + 4)]).toEqual([7, 8, 9, 0]);
    expect(loaded).toMatchObject({ format: 'bzImage', entry: BZIMAGE_LOAD_ADDRESS });
  });

  it('is taken when its checksum is right', () => {
    const image = bzImage({ version: 0x0208, payload: new Uint8Array(128) });
    // what remains of everything before it, put behind it, leaves nothing
    new DataView(image.buffer).setUint32(image.length - 4, crcRemainder(image.subarray(0, -4)), true);
    expect(load(image).loaded.format).toBe('bzImage');
    image[600]! ^= 1;
    expect(complaint(image)).toContain('checksum is wrong');
  });

  it('has four set-up sectors when it says none', () => {
    const { memory } = load(bzImage({ payload: Uint8Array.of(7), setupSectors: 0 }));
    expect(memory.bytes[BZIMAGE_LOAD_ADDRESS]).toBe(7);
  });

  it.each([
    ['an old protocol', bzImage({ version: 0x0206 }), 'boot protocol 2.06'],
    ['a zImage', bzImage({ loadflags: 0 }), 'is a zImage'],
    ['cut short', bzImage({ payload: new Uint8Array(9000) }).subarray(0, 3000), 'cut short'],
    ['only its header', bzImage().subarray(0, 1000), 'cut short'],
    ['64-bit', bzImage({ version: 0x020c, xloadflags: 1 }), 'is a 64-bit kernel'],
    ['damaged', bzImage({ version: 0x0208, checksum: 1 }), 'checksum is wrong'],
    ['entered outside', bzImage({ entry: 0x20_0000 }), 'outside itself'],
    ['too big when unpacked', bzImage({ version: 0x020a, initSize: 16 * MIB }), 'needs memory up to'],
    ['too big as it is', bzImage({ payload: new Uint8Array(4 * MIB) }), 'needs memory up to 5 MiB'],
  ])('is refused when it is %s', (_, image, sentence) => {
    expect(complaint(image)).toContain(sentence);
  });
});

describe('boot parameters', () => {
  it('say what ABI.md lists', () => {
    const initrd = new Uint8Array(5000).fill(0xaa);
    const { memory } = load(elfImage(), { initrd, commandLine: 'console=hvc0 quiet' });
    const byte = (at: number) => memory.bytes[at];
    expect(byte(BootParamsOffset.e820Entries)).toBe(1);
    expect(memory.read32(BootParamsOffset.e820Map + E820Offset.address)).toBe(0);
    expect(memory.read32(BootParamsOffset.e820Map + E820Offset.size)).toBe(RAM);
    expect(memory.read32(BootParamsOffset.e820Map + E820Offset.type)).toBe(1);
    expect(memory.read16(BootParamsOffset.version)).toBe(0x207);
    expect(byte(BootParamsOffset.typeOfLoader)).toBe(0xff);
    expect(byte(BootParamsOffset.loadflags)).toBe(0x40);
    expect(memory.read32(BootParamsOffset.ramdiskImage)).toBe(RAM - 8192);
    expect(memory.read32(BootParamsOffset.ramdiskSize)).toBe(5000);
    expect(byte(RAM - 8192)).toBe(0xaa);
    expect(memory.read32(BootParamsOffset.cmdLinePtr)).toBe(COMMAND_LINE_ADDRESS);
    expect(memory.read32(BootParamsOffset.kernelAlignment)).toBe(0x100_0000);
    expect(memory.read32(BootParamsOffset.hardwareSubarch)).toBe(1);
    const line = memory.bytes.subarray(COMMAND_LINE_ADDRESS, COMMAND_LINE_ADDRESS + 19);
    expect(new TextDecoder().decode(line)).toBe('console=hvc0 quiet\0');
  });

  it('have no initrd when there is none', () => {
    const { memory } = load(elfImage());
    expect(memory.read32(BootParamsOffset.ramdiskImage)).toBe(0);
    expect(memory.read32(BootParamsOffset.ramdiskSize)).toBe(0);
  });

  it('refuse an initrd that does not fit', () => {
    expect(complaint(elfImage(), { initrd: new Uint8Array(3.5 * MIB) })).toContain('initrd.gz (4 MiB) does not fit beside the kernel');
  });

  it('refuse a command line the Guest would cut', () => {
    expect(complaint(elfImage(), { commandLine: 'x'.repeat(2048) })).toContain('shorten it to at most 2047');
    load(elfImage(), { commandLine: 'x'.repeat(2047) });
  });
});
