/*
 * Programs that stay at work: loops that run hundreds of times, so that the JIT makes regions of them, with routines, aliases of
 * data and code, and a guest kernel's business in between (page tables, control registers, flags). Instructions are those
 * of random-program.ts; counters lie in memory, where hardly anything reaches them.
 */
import { fillHoles, pageBytes, type Places, type Program, writeAnything, Writer } from './random-program.js';
import type { Random } from './random.js';

/** Where a busy program's other things are, linear addresses. */
export interface BusyPlaces extends Places {
  /** Doublewords for loop counters. */
  readonly counters: number;
  /** Highest stack pointer that loops begin with. */
  readonly stackTop: number;
  /** Page-table entries of pages from linear address 0 on, so many bytes each, and how many may be changed. */
  readonly pageTable: number;
  readonly entryBytes: number;
  readonly pages: number;
  /** Value of CR3. */
  readonly directory: number;
}

const movMemoryImmediate = [0xc7, 0x05] as const;
const movImmediate = 0xb8;
const call = 0xe8;
const jump = 0xe9;
const ret = 0xc3;
/** Present, writable, user, accessed, dirty: what most pages have. */
const allRights = 0x67;

function writeWord(w: Writer, address: number, value: number): void {
  w.out.push(...movMemoryImmediate);
  w.word(address, 4);
  w.word(value, 4);
}

function relative(w: Writer, target: number): void { w.word(target - (w.out.length + 4), 4); }

/** What a kernel does now and then; at the wrong level, or without a page of its own, it faults instead. */
function writeKernelBusiness(w: Writer, places: BusyPlaces): void {
  const { random, out } = w;
  switch (random.below(10)) {
    case 0: case 1: case 2: case 3: {
      // another right or frame for a page; now and then nobody is told
      const page = random.below(places.pages);
      const frame = random.oneIn(4) ? random.below(places.pages) : page;
      writeWord(w, places.pageTable + places.entryBytes * page, frame * pageBytes | random.pick([allRights, allRights, 0x65, 0x07, 0x05, 0x27, 0x63, 0]));
      const linear = page * pageBytes;
      if (!random.oneIn(4)) {
        out.push(0x0f, 0x01, 0x3d);
        w.word(linear, 4);
      }
      break;
    }
    case 4: // mov eax, cr3; mov cr3, eax
      out.push(0x0f, 0x20, 0xd8, 0x0f, 0x22, 0xd8);
      break;
    case 5: // cli or sti
      out.push(0xfa + random.below(2));
      break;
    case 6: // pushf; popf
      out.push(0x9c, 0x9d);
      break;
    case 7: // push ds or es; pop it again
      out.push(...random.pick([[0x1e, 0x1f], [0x06, 0x07]]));
      break;
    case 8: // int
      out.push(0xcd, random.below(256));
      break;
    default: // in al, or out
      out.push(random.pick([0xe4, 0xe6]), random.below(256));
  }
}

/** Registers that address memory, and often the stack's, are what they should be at the head of a loop. */
function writePointers(w: Writer, places: BusyPlaces): void {
  const { random, out } = w;
  for (const register of [3, 5, 6, 7]) {
    if (random.oneIn(4)) continue;
    out.push(movImmediate + register);
    w.word(w.dataAddress(), 4);
  }
  if (random.oneIn(2)) {
    out.push(movImmediate + 4);
    w.word(places.stackTop - 4 * random.below(64), 4);
  }
  // fninit, so that its stack is not full all the time
  if (random.oneIn(3)) out.push(0xdb, 0xe3);
}

function writeBody(w: Writer, places: BusyPlaces, changing: boolean, most: number): void {
  const from = w.out.length;
  for (let count = 1 + w.random.below(most); count > 0; count--) {
    if (w.random.oneIn(24)) writeKernelBusiness(w, places);
    else writeAnything(w, changing);
  }
  fillHoles(w, from);
}

/** Write a program that begins at its first byte and does not end. */
export function makeBusyProgram(random: Random, places: BusyPlaces): Program {
  const w = new Writer(random, places);
  const { out } = w;
  const changing = random.oneIn(3);
  const routines: number[] = [];
  const heads: number[] = [];
  // routines first, and a way past them
  out.push(jump);
  w.word(0, 4);
  for (let count = random.below(4); count > 0; count--) {
    routines.push(out.length);
    writeBody(w, places, changing && random.oneIn(4), 5);
    out.push(ret);
  }
  const start = out.length;
  for (let i = 0; i < 4; i++) out[1 + i] = ((start - 5) >> (8 * i)) & 0xff;
  const loops = 2 + random.below(8);
  const writeLoop = (counter: number, depth: number): void => {
    heads.push(out.length);
    writeWord(w, counter, random.pick([3, 20, 100, 400, 2000]) >> depth);
    const head = out.length;
    writePointers(w, places);
    writeBody(w, places, changing, 12);
    if (routines.length > 0 && random.oneIn(2)) {
      out.push(call);
      relative(w, random.pick(routines));
    }
    if (depth < 2 && random.oneIn(4)) writeLoop(counter + 4, depth + 1);
    // dec dword [counter]; jnz head
    out.push(0xff, 0x0d);
    w.word(counter, 4);
    out.push(0x0f, 0x85);
    relative(w, head);
  };
  for (let loop = 0; loop < loops && out.length < places.codeBytes - 0x400; loop++) writeLoop(places.counters + 16 * loop, 0);
  out.push(jump);
  relative(w, start);
  const bytes = new Uint8Array(places.codeBytes).fill(0x90);
  bytes.set(out.slice(0, bytes.length));
  return { bytes, starts: [0, ...heads] };
}
