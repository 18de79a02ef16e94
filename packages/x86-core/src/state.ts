/*S:100
 * The CPU is a page of numbers.
 *
 * Everything a processor remembers between two instructions (registers, flags, segment caches, control registers, the
 * x87 stack) lives in one page of the WebAssembly memory, at fixed addresses. TypeScript reads it through typed arrays,
 * generated code through constant offsets: no engine owns the state, so they can take turns at every instruction.
 * This file says where everything is; nothing here computes.
 */

/** Byte addresses in the one WebAssembly.Memory of a machine. Bases are constants in generated code. */
export const Layout = {
  /** First byte of the CPU state page; the page below stays empty so that a null pointer meets zeros. */
  state: 0x1000,
  /** Scratch room for records that are executed once (the tail of a budget). */
  scratch: 0x2000,
  /** By a region's place in the table of functions, 64 bytes each: the record it begins at as it was before, and a link to what follows. */
  regionRecords: 0x2_0000,
  /** Words that hold the places of regions that others go to (jit/links.ts). */
  links: 0x4_0000,
  /** Words that count where regions are left for code without one, by some bits of its record's address. */
  exitCounts: 0x8_0000,
  /** What regions note of their indirect calls (jit/call-profiles.ts). */
  callProfiles: 0x8_4000,
  callProfilesEnd: 0xa_0000,
  /** Words that count windows that could not be used (jit/windows.ts), by their region's place in the table of functions. */
  windowMisses: 0xa_0000,
  /** What regions found instead of what they assume (jit/assumptions.ts), by place likewise. */
  observations: 0xb_0000,
  /** EIP and place of regions that indirect calls went to, 8 bytes each, by a hash of the EIP (jit/dispatch.ts). */
  dispatch: 0xd_0000,
  /** TLB tables: 2^20 entries of 4 bytes each, indexed by virtual page number (see paging.ts). */
  tlbReadSupervisor: 0x0010_0000,
  tlbReadUser: 0x0050_0000,
  tlbWriteSupervisor: 0x0090_0000,
  tlbWriteUser: 0x00d0_0000,
  /** Virtual page number → address of the page's table of decoded instructions (0: none known). */
  codeSupervisor: 0x0110_0000,
  codeUser: 0x0150_0000,
  /** What is known of instructions by their first bytes (interpreter/template.ts): templates by hash, by first bytes, fused pairs. */
  templates: 0x0190_0000,
  heads: 0x0194_0000,
  fusions: 0x0198_0000,
  shortTemplates: 0x0199_0000,
  /** Arena of decoded code: which parts of physical pages have any (16 bytes a page), then records and their tables. */
  arena: 0x019d_0000,
  /** End of the arena, and the address of machine-physical byte 0. */
  physical: 0x0400_0000,
} as const;

const S = Layout.state;

/** Byte addresses of the fields of the CPU state. 32-bit words unless noted. */
export const State = {
  /** Eight general registers in the encoding's order: eax ecx edx ebx esp ebp esi edi. */
  gpr: S,
  /** Lazy arithmetic flags; their meaning is told in flags.ts. */
  flagZero: S + 0x20,
  flagSign: S + 0x24,
  flagAddend: S + 0x28,
  flagSum: S + 0x2c,
  /** All eflags bits that are not lazy: TF IF DF IOPL NT RF VM AC VIF VIP ID. Bit 1 is added when read. */
  eflags: S + 0x30,
  eip: S + 0x34,
  /** Current privilege level, 0..3. */
  cpl: S + 0x38,
  /** Bits of Mode: what decoded code depends on besides its bytes. Kept by Processor.updateMode(). */
  mode: S + 0x3c,
  /** 64-bit float: instructions retired since reset. Exact below 2^53. Valid outside the engines only. */
  retired: S + 0x40,
  /** Instructions the current run() may still retire. */
  budget: S + 0x48,
  /** Non-zero: leave the generated code as soon as possible (kick, pending work). */
  attention: S + 0x4c,
  /** Always zero: the register that absent base and index registers of an address point to. */
  zero: S + 0x50,
  /** 1: interrupts and single-step traps are held off until after the next instruction (mov ss, pop ss, sti). */
  shadow: S + 0x54,
  /** Base of the TLB tables for the current privilege level (Layout.tlb…, Layout.code…). */
  tlbRead: S + 0x58,
  tlbWrite: S + 0x5c,
  codeTable: S + 0x60,
  /** Segment caches, 16 bytes each: selector, base, limit (in bytes, inclusive), access word. See SegmentRegister. */
  segments: S + 0x80,
  cr0: S + 0x100,
  cr2: S + 0x108,
  cr3: S + 0x10c,
  cr4: S + 0x110,
  gdtBase: S + 0x114,
  gdtLimit: S + 0x118,
  idtBase: S + 0x11c,
  idtLimit: S + 0x120,
  /** DR0..DR7. */
  dr: S + 0x130,
  /** 64-bit: EFER (only NXE means anything to a 32-bit CPU). */
  efer: S + 0x150,
  /** PAE: the four page-directory-pointer entries loaded with CR3, 8 bytes each. */
  pdpte: S + 0x160,
  /** x87: control word, status word without TOP, tag word in FXSAVE's abridged form (1 = in use). */
  fpuControl: S + 0x200,
  fpuStatus: S + 0x204,
  fpuTags: S + 0x208,
  /** Last non-control x87 instruction: opcode (11 bits), eip, cs, operand offset, ds. */
  fpuOpcode: S + 0x20c,
  fpuEip: S + 0x210,
  fpuCs: S + 0x214,
  fpuData: S + 0x218,
  fpuDs: S + 0x21c,
  /** Eight physical registers R0..R7 (not ST-relative), 16 bytes each: 64-bit significand, then sign and exponent in 16 bits. */
  fpu: S + 0x220,
  /** XMM0..7, 16 bytes each, and MXCSR. */
  xmm: S + 0x2a0,
  mxcsr: S + 0x320,
  /** The x87's TOP, 0..7: apart from the status word, so that finding ST(0) need not wait for the last result's flags. */
  fpuTop: S + 0x324,
  /** Selector that ends a run when a gate names it; -1 for none. Survives a reset. */
  exitSelector: S + 0x340,
  /** Bits of operations' Guard: coprocessors that CR0 and CR4 do not let anybody use now. Kept by Processor.updateAvailability(). */
  unavailable: S + 0x344,
  /** 64-bit: instructions that regions have executed; statistics. */
  inRegions: S + 0x348,
  /** 64-bit: how often the interpreter has called one; statistics. */
  entered: S + 0x358,
  /** Not 0: results that differ between makers are AMD's (undefined-results.ts). For code that is the same for both; survives a reset. */
  likeAmd: S + 0x354,
  /** Place of a region that asks to be made anew (jit/call-profiles.ts); 0 for none. */
  wanted: S + 0x350,
  /** The linear address at which a repeated string instruction wants a page made accessible; see RepeatStatus. */
  repeatMiss: S + 0x380,
  /** Where the interpreter goes on that has left one of its rooms: a record, and the address of its page. */
  nextRecord: S + 0x384,
  nextPageBase: S + 0x388,
  /** First free byte of the arena, the end of its part in use, and instructions decoded so far. */
  arenaTop: S + 0x360,
  arenaEnd: S + 0x36c,
  decoded: S + 0x364,
  /** Not 0: there are handlers for writes beside code in the table of functions. */
  besideCode: S + 0x368,
  /** 256 counters: interrupts and exceptions delivered into the guest, by vector. */
  deliveries: S + 0x400,
  /**
   * Four vectors that never change: the least and the greatest normal number, in two doubles and in four singles. Generated code loads them
   * from here because engines make vector constants anew each time they are used.
   */
  leastDoubles: S + 0x800,
  greatestDoubles: S + 0x810,
  leastSingles: S + 0x820,
  greatestSingles: S + 0x830,
} as const;

/** General register numbers (the encoding's). */
export const Register = { eax: 0, ecx: 1, edx: 2, ebx: 3, esp: 4, ebp: 5, esi: 6, edi: 7 } as const;

/** Segment register numbers (the encoding's), and the two system ones. */
export const SegmentRegister = { es: 0, cs: 1, ss: 2, ds: 3, fs: 4, gs: 5, ldtr: 6, tr: 7 } as const;

/** Offsets inside one segment cache. */
export const SegmentField = { selector: 0, base: 4, limit: 8, access: 12, size: 16 } as const;

/**
 * Bits of a segment cache's access word: those of the descriptor's high word (bits 8..15 and 20..23), so that a
 * descriptor's high word can be stored as it is. A null selector leaves Present clear.
 */
export const Access = {
  accessed: 1 << 8,
  /** data: writable; code: readable */
  writable: 1 << 9,
  /** data: expand-down; code: conforming */
  expandDown: 1 << 10,
  code: 1 << 11,
  /** code or data, as against a system segment */
  notSystem: 1 << 12,
  dplShift: 13,
  dplMask: 3 << 13,
  present: 1 << 15,
  /** default operand size / stack size / 4 GiB upper bound of expand-down */
  big: 1 << 22,
  granular: 1 << 23,
} as const;

/** EFLAGS bits (SDM volume 1, 3.4.3). */
export const Eflags = {
  cf: 1 << 0,
  always: 1 << 1,
  pf: 1 << 2,
  af: 1 << 4,
  zf: 1 << 6,
  sf: 1 << 7,
  tf: 1 << 8,
  if: 1 << 9,
  df: 1 << 10,
  of: 1 << 11,
  iopl: 3 << 12,
  ioplShift: 12,
  nt: 1 << 14,
  rf: 1 << 16,
  vm: 1 << 17,
  ac: 1 << 18,
  vif: 1 << 19,
  vip: 1 << 20,
  id: 1 << 21,
  /** CF PF AF ZF SF OF: the lazy ones. */
  arithmetic: 0x8d5,
} as const;

/** CR0 bits (SDM volume 3, 2.5). */
export const Cr0 = {
  pe: 1 << 0, mp: 1 << 1, em: 1 << 2, ts: 1 << 3, et: 1 << 4, ne: 1 << 5,
  wp: 1 << 16, am: 1 << 18, nw: 1 << 29, cd: 1 << 30, pg: 1 << 31,
} as const;

/** CR4 bits (SDM volume 3, 2.5). */
export const Cr4 = {
  vme: 1 << 0, pvi: 1 << 1, tsd: 1 << 2, de: 1 << 3, pse: 1 << 4, pae: 1 << 5, mce: 1 << 6, pge: 1 << 7, pce: 1 << 8,
  osfxsr: 1 << 9, osxmmexcpt: 1 << 10,
} as const;

/**
 * Bits of State.mode: everything decoded code depends on besides its bytes and privilege. `fast` is set when the
 * generated interpreter may run at all: protected mode, code segment flat (base 0, limit 4 GiB) and 32-bit, stack
 * 32-bit, no VM, TF or armed breakpoints. The `flat` bits say that a segment is base 0, limit 4 GiB, readable and
 * writable, expand-up: its accesses need no check.
 */
export const Mode = { fast: 1, flatDs: 2, flatEs: 4, flatSs: 8, alignmentCheck: 16 } as const;

/** Write the vectors of the state page that never change. */
export function writeConstants(memory: ArrayBufferLike): void {
  new Float64Array(memory, State.leastDoubles, 2).fill(2 ** -1022);
  new Float64Array(memory, State.greatestDoubles, 2).fill(Number.MAX_VALUE);
  new Float32Array(memory, State.leastSingles, 4).fill(2 ** -126);
  new Float32Array(memory, State.greatestSingles, 4).fill(2 ** 128 - 2 ** 104);
}
