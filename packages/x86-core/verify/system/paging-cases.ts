/*
 * Page faults, Accessed and Dirty, rights: two-level and PAE tables, 4 KiB and large pages.
 */
import { bytesOf, type Draw, group, type SystemGroup } from './draw.js';
import type { SystemCase } from './system-case.js';
import { At, Pte, Tss, worldBytes } from './world.js';

const [pg, wp] = [1 << 31, 1 << 16] as const;
const [pse, pae, pge] = [0x10, 0x20, 0x80] as const;
const nxe = 0x800;
const noExecute = 1 << 31;
const full = Pte.present | Pte.writable | Pte.user;

/** Bits of an entry: mostly with all rights, sometimes with fewer. */
function rights(draw: Draw): number {
  const base = draw.pick([full, full, full & ~Pte.writable, full & ~Pte.user, Pte.present, full & ~Pte.present]);
  return base | (draw.word() & (Pte.accessed | Pte.dirty | (draw.oneIn(6) ? Pte.global : 0)));
}

/** What is done at a linear address. */
function access(c: SystemCase, draw: Draw, linear: number): void {
  const address = bytesOf(linear, 4);
  c.registers.ebx = linear;
  c.registers.edi = linear;
  c.registers.ecx = 2;
  switch (draw.below(9)) {
    case 0: return c.setCode([0xa1, ...address]);
    case 1: return c.setCode([0xa3, ...address]);
    case 2: return c.setCode([0x80, 0x25, ...address, 0xff]); // and byte, which writes what it read
    case 3: return c.setCode([0x3a, 0x05, ...address]);
    case 4: return c.setCode([0x0f, 0xb1, 0x0d, ...address]);
    case 5: return c.setCode([0xf3, 0xab]);
    case 6: return c.setCode([0x8f, 0x03]); // pop to memory
    case 7: return c.setCode([0x0f, 0xb0, 0x03, 0xa1, ...address]);
    default: return c.setCode([0xe9, ...bytesOf(linear - (At.code + 5), 4)]);
  }
}

/** Where in the page: somewhere, at its end, over it. */
const place = (draw: Draw): number => draw.pick([0, 0x10, 0x10, 0x20, 0xffc, 0xffd, 0xffe, 0xfff]);

function begin(c: SystemCase, draw: Draw, wide: boolean): void {
  c.registers.cr0 |= pg | (draw.oneIn(2) ? wp : 0);
  c.registers.cr4 |= (wide ? pae : draw.oneIn(2) ? pse : 0) | (draw.oneIn(4) ? pge : 0);
  if (!wide) return;
  c.registers.cr3 = At.pointers;
  c.poke32(At.tssFault + Tss.cr3, At.pointers);
  if (draw.oneIn(2)) c.registers.efer = nxe;
  // instructions at the start of the data pages, should anybody come there
  c.world.set([0x41, 0xcd, 0xf0], At.data + 0x10);
}

const state = (draw: Draw): 'ring0' | 'ring3' => draw.pick(['ring0', 'ring3']);

export const pagingGroups: readonly SystemGroup[] = [
  group('two-level pages', state, (c, draw) => {
    begin(c, draw, false);
    c.world.set([0x41, 0xcd, 0xf0], At.data + 0x10);
    c.poke32(At.windowTable, At.data | rights(draw));
    c.poke32(At.windowTable + 4, At.data | rights(draw));
    if (draw.oneIn(2)) c.poke32(At.directory + 4, At.windowTable | rights(draw));
    access(c, draw, At.window + place(draw));
  }),
  group('4 MiB pages', state, (c, draw) => {
    begin(c, draw, false);
    if (draw.chance(70)) c.registers.cr4 |= pse;
    c.world.set([0x41, 0xcd, 0xf0], At.data + 0x10);
    const reserved = draw.oneIn(5) ? 1 << (13 + draw.below(9)) : 0;
    c.poke32(At.directory + 8, rights(draw) | Pte.large | reserved);
    // without large pages that is a table, which should not lead to where there is no memory
    const entry = reserved + 4 * (At.data >>> 12);
    if ((c.registers.cr4 & pse) === 0 && entry < worldBytes) c.poke32(entry, At.data | Pte.accessed | rights(draw));
    access(c, draw, At.largeWindow + At.data + place(draw));
  }),
  group('pae pages', state, (c, draw) => {
    begin(c, draw, true);
    const high = (): number => draw.pick([0, 0, 0, noExecute, draw.oneIn(2) ? 1 << (5 + draw.below(26)) : noExecute]);
    c.words(At.windowTable64, 4, [At.data | rights(draw), high(), At.data | rights(draw), high()]);
    if (draw.oneIn(2)) c.words(At.directory64 + 16, 4, [At.windowTable64 | rights(draw), high()]);
    access(c, draw, At.window + place(draw));
  }),
  group('2 MiB pages', state, (c, draw) => {
    begin(c, draw, true);
    const reserved = draw.oneIn(5) ? 1 << (13 + draw.below(8)) : 0;
    c.words(At.directory64 + 32, 4, [rights(draw) | Pte.large | reserved, draw.pick([0, 0, 0, noExecute])]);
    access(c, draw, At.largeWindow + At.data + place(draw));
  }),
  group('page-directory pointers', () => 'ring0', (c, draw) => {
    begin(c, draw, true);
    // written to memory, they matter when CR3 is loaded
    const entry = draw.pick([At.directory64 | 1, 0, At.directory64 | 1 | (1 << draw.pick([1, 2, 5, 6, 7, 8])), At.directory64 | 1 | (1 << draw.pick([3, 4, 9, 10, 11]))]);
    c.registers.eax = At.pointers;
    // linear 40000000 is the window's like elsewhere
    c.setCode([0xc7, 0x05, ...bytesOf(At.pointers + 8, 4), ...bytesOf(entry, 4), 0x0f, 0x22, 0xd8, 0xa1, ...bytesOf(0x4000_0000 + At.window, 4)]);
  }),
  group('invlpg and cr3', () => 'ring0', (c, draw) => {
    begin(c, draw, false);
    // read, change the entry, perhaps tell the processor, read again
    const read = [0xa1, ...bytesOf(At.window, 4)];
    const tell = draw.pick([[0x0f, 0x01, 0x3d, ...bytesOf(At.window, 4)], [0x0f, 0x20, 0xd8, 0x0f, 0x22, 0xd8]]);
    c.setCode([...read, 0xc7, 0x05, ...bytesOf(At.windowTable, 4), ...bytesOf(draw.pick([0, At.data + 0x1000 | full, At.data | Pte.present]), 4), ...tell, ...read, 0xa3, ...bytesOf(At.window, 4)]);
  }),
  group('tables on pages', (draw) => draw.pick(['ring0', 'ring3']), (c, draw) => {
    // the processor reads and writes descriptor tables, tasks and stacks as level 0 does
    begin(c, draw, false);
    const [page, code] = draw.pick([[At.gdt, [0x8e, 0xd8]], [At.gdt, [0xcd, 0x21]], [At.stack0, [0xcd, 0x21]], [At.idt, [0xcd, 0x81]]] as const);
    c.registers.eax = c.registers.ds;
    c.poke32(At.table + 4 * (page >>> 12), (page & ~0xfff) | draw.pick([full & ~Pte.user, full & ~Pte.user, Pte.present]) | (draw.word() & (Pte.accessed | Pte.dirty)));
    c.setCode(code);
  }),
];
