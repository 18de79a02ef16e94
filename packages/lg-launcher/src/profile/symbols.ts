/*
 * Names for addresses: from the symbol table of an ELF file (System V ABI, chapter 4), or from a System.map.
 *
 * The file comes from whoever asks for a profile, and need not be right. What cannot be made sense of has no names.
 */
import { isElf } from '../loader/elf.js';

/** A function, or a label in one. */
interface NamedPlace {
  readonly address: number;
  readonly name: string;
}

/** Names of code, by address. */
export interface SymbolTable {
  readonly size: number;
  /** The name of the code around an address; undefined when none is near. */
  nameAt(address: number): string | undefined;
}

/** Code further behind the last name than this has nothing to do with it. Bytes. */
const REACH = 0x1_0000;
/** Byte offsets in the file header, a section header and a symbol. */
const Header = { sections: 0x20, sectionBytes: 0x2e, sectionCount: 0x30 } as const;
const Section = { type: 4, offset: 16, size: 20, link: 24, bytes: 40 } as const;
const Entry = { value: 4, info: 12, bytes: 16 } as const;
const SHT_SYMTAB = 2;
const STT_FUNC = 2;
const STT_NOTYPE = 0;
const typeMask = 15;
/** Labels that the assembler and the compiler make for themselves. */
const ownLabel = /^(\.L|\$|__kstrtab|__ksymtab)/;

/** The table of a kernel's ELF file, or of a System.map. Empty when there are no names in it. */
export function readSymbols(file: Uint8Array): SymbolTable {
  const places = isElf(file) ? readElfSymbols(file) : readSystemMap(new TextDecoder().decode(file));
  return tableOf(places);
}

function tableOf(places: readonly NamedPlace[]): SymbolTable {
  const sorted = [...places].sort((a, b) => a.address - b.address);
  return {
    size: sorted.length,
    nameAt: (address) => {
      // the last one that is not behind the address
      let [low, high] = [0, sorted.length];
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (sorted[middle]!.address <= address) low = middle + 1;
        else high = middle;
      }
      const found = sorted[low - 1];
      return found === undefined || address - found.address >= REACH ? undefined : found.name;
    },
  };
}

function readElfSymbols(file: Uint8Array): NamedPlace[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  try {
    const [first, size, count] = [view.getUint32(Header.sections, true), view.getUint16(Header.sectionBytes, true), view.getUint16(Header.sectionCount, true)];
    const header = (index: number): { type: number; offset: number; size: number; link: number } => {
      const at = first + index * size;
      const word = (offset: number): number => view.getUint32(at + offset, true);
      return { type: word(Section.type), offset: word(Section.offset), size: word(Section.size), link: word(Section.link) };
    };
    const table = Array.from({ length: count }, (_, i) => header(i)).find(({ type }) => type === SHT_SYMTAB);
    if (table === undefined || size < Section.bytes) return [];
    const strings = header(table.link);
    const places: NamedPlace[] = [];
    for (let at = table.offset; at + Entry.bytes <= table.offset + table.size; at += Entry.bytes) {
      const type = view.getUint8(at + Entry.info) & typeMask;
      if (type !== STT_FUNC && type !== STT_NOTYPE) continue;
      const start = strings.offset + view.getUint32(at, true);
      const name = new TextDecoder().decode(file.subarray(start, file.indexOf(0, start)));
      if (name !== '' && !ownLabel.test(name)) places.push({ address: view.getUint32(at + Entry.value, true), name });
    }
    return places;
  } catch (error) {
    // cut short: a DataView complains
    if (!(error instanceof RangeError)) throw error;
    return [];
  }
}

/** Lines of an address, a letter for the sort (T and W are code) and a name. */
function readSystemMap(text: string): NamedPlace[] {
  return [...text.matchAll(/^([0-9a-f]{8}) [tTwW] (\S+)/gm)].map(([, address, name]) => ({ address: Number.parseInt(address!, 16), name: name! }));
}
