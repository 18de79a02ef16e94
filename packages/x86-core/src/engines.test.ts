/*
 * The engines agree on random programs.
 *
 * Both run the same bytes from the same state, a random number of instructions at a time, so that budgets end in the
 * middle of everything. The bytes are random, drawn towards what compilers emit; registers point into data pages of
 * all kinds (plain, read-only, absent, shared with the code). Every exception leaves by the owner's gate. After each run
 * all of the state page, the physical memory and the exit must be the same.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Access, Cr0, ExitReason, Machine, Register, SegmentRegister } from './index.js';
import { Layout, State } from './state.js';

const physicalBytes = 32 * 4096;
const ownerSelector = 0x50;
const at = { idt: 0x1000, directory: 0x2000, table: 0x3000, code: 0x8000, data: 0xc000, stack: 0x1_0000 } as const;
const page = 4096;
const present = 1;
const writable = 2;
const flat = Access.present | Access.notSystem | Access.writable | Access.accessed | Access.big | Access.granular;
const userFlat = { selector: 0x23, base: 0, limit: 0xffff_ffff, access: flat | Access.dplMask };
const userCode = { ...userFlat, selector: 0x1b, access: userFlat.access | Access.code };

/** Opcodes drawn more often than chance would: moves, arithmetic, stack, strings, branches, shifts, two-byte forms. */
const common = [
  0x01, 0x03, 0x09, 0x11, 0x19, 0x21, 0x29, 0x2b, 0x31, 0x39, 0x3b, 0x3d, 0x40, 0x48, 0x50, 0x58, 0x66, 0x68, 0x6b, 0x72, 0x74, 0x75, 0x7c, 0x7f,
  0x80, 0x81, 0x83, 0x84, 0x85, 0x86, 0x88, 0x89, 0x8a, 0x8b, 0x8d, 0x8f, 0x98, 0x99, 0xa4, 0xa5, 0xaa, 0xab, 0xac, 0xae, 0xa6, 0xf3, 0xf2, 0xc0, 0xc1,
  0xd1, 0xd3, 0xe8, 0xeb, 0xc3, 0xc9, 0xf6, 0xf7, 0xfe, 0xff, 0x0f, 0x0f, 0x64, 0x60, 0x61, 0x9c, 0xfc, 0xfd,
];
/** ModRM bytes of simple forms: register to register, [reg], [reg+disp8]. */
const forms = [0xc0, 0xc8, 0xd1, 0xd8, 0xf0, 0xfb, 0x03, 0x06, 0x0f, 0x1e, 0x43, 0x46, 0x5e, 0x77, 0x04, 0x45];

function makeMachine(engine: 'reference' | 'interpreter'): Machine {
  return new Machine({ physicalBytes, engine, exitSelector: ownerSelector, timestampCounter: () => 0n });
}
const reference = makeMachine('reference');
const interpreter = makeMachine('interpreter');

interface Program { code: number[]; registers: number[]; eflags: number; rights: number[]; budgets: number[] }

function load(machine: Machine, program: Program): void {
  const { cpu, physical } = machine;
  cpu.reset();
  physical.bytes.fill(0);
  for (let vector = 0; vector < 256; vector++) {
    physical.write32(at.idt + vector * 8, ownerSelector << 16);
    physical.write32(at.idt + vector * 8 + 4, 0xee00);
  }
  physical.write32(at.directory, at.table | present | writable | 4);
  for (let i = 0; i < physicalBytes / page; i++) physical.write32(at.table + i * 4, (i * page) | present | writable | 4);
  program.rights.forEach((rights, i) => physical.write32(at.table + (at.data / page + i) * 4, (at.data + i * page) | rights));
  physical.write(at.code, Uint8Array.from(program.code));
  for (let i = 0; i < page; i++) physical.bytes[at.data + i] = (i * 37) & 0xff;
  physical.invalidate(0, physicalBytes);
  cpu.setIdt(at.idt, 256 * 8 - 1);
  cpu.setSegment(SegmentRegister.cs, userCode);
  for (const register of [SegmentRegister.ss, SegmentRegister.ds, SegmentRegister.es, SegmentRegister.fs, SegmentRegister.gs])
    cpu.setSegment(register, register === SegmentRegister.fs ? { ...userFlat, base: at.data, limit: 0x1fff } : userFlat);
  cpu.cr3 = at.directory;
  cpu.cr0 = Cr0.pe | Cr0.pg | Cr0.wp | Cr0.et;
  cpu.eflags = program.eflags;
  cpu.regs.set(program.registers);
  cpu.regs[Register.esp] = at.stack + 0x800;
  cpu.eip = at.code;
}

/** Everything the architecture knows of, as text. */
function stateOf({ cpu, physical }: Machine): string {
  const bytes = cpu.processor.u8.subarray(Layout.state, State.mxcsr + 4);
  const hidden = [[State.flagZero, 16], [State.budget, 8], [State.mode, 4]] as const;
  const copy = bytes.slice();
  for (const [start, length] of hidden) copy.fill(0, start - Layout.state, start - Layout.state + length);
  let sum = 0;
  for (const word of physical.words) sum = (Math.imul(sum, 31) + word) | 0;
  return `${Buffer.from(copy).toString('hex')} eflags ${cpu.eflags.toString(16)} memory ${sum}`;
}

const byte = fc.integer({ min: 0, max: 255 });
const biased = fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...common) }, { weight: 4, arbitrary: fc.constantFrom(...forms) }, { weight: 2, arbitrary: byte });
const word = fc.oneof(
  fc.integer({ min: at.data - 8, max: at.data + 3 * page }), fc.integer({ min: -4, max: 40 }), fc.integer(), fc.constantFrom(at.code + 40, 0x7fff_ffff, -0x8000_0000),
);
const program: fc.Arbitrary<Program> = fc.record({
  code: fc.array(biased, { minLength: 60, maxLength: 300 }),
  registers: fc.array(word, { minLength: 8, maxLength: 8 }),
  eflags: fc.constantFrom(0x202, 0x602, 0xa47, 0x203, 0xad7, 0x40202),
  rights: fc.array(fc.constantFrom(7, 7, 5, 0, 3), { minLength: 4, maxLength: 4 }),
  budgets: fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 12, maxLength: 12 }),
});

it('on every state, memory and exit, wherever the budget ends', () => {
  const exits = new Map<string, number>();
  fc.assert(fc.property(program, (p) => {
    load(reference, p);
    load(interpreter, p);
    for (const budget of p.budgets) {
      const wanted = { ...reference.cpu.run(budget) };
      const got = { ...interpreter.cpu.run(budget) };
      const name = wanted.reason === ExitReason.gate ? `vector ${wanted.vector}` : `reason ${wanted.reason}`;
      exits.set(name, (exits.get(name) ?? 0) + 1);
      if (wanted.reason !== ExitReason.gate) wanted.vector = got.vector = wanted.errorCode = got.errorCode = 0;
      expect(got).toEqual(wanted);
      expect(stateOf(interpreter)).toBe(stateOf(reference));
      expect(interpreter.cpu.retired).toBe(reference.cpu.retired);
      // the owner steps over what faulted
      if (wanted.reason === ExitReason.gate) {
        for (const { cpu } of [reference, interpreter]) cpu.eip = at.code + ((cpu.eip + 1) % p.code.length);
      }
    }
  }), { numRuns: Number(process.env['LGUEST_FUZZ'] ?? 1500) });
  // the programs do what they are for
  for (const name of ['vector 6', 'vector 13', 'vector 14', 'reason 1']) expect(exits.get(name) ?? 0).toBeGreaterThan(50);
});
