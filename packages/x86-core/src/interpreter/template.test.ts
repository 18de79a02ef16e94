/*
 * Records copied from templates say what records say that are written from decoded instructions.
 */
import { afterEach, expect, it, vi } from 'vitest';
import '../semantics/index.js';
import { Access, Layout, Mode, SegmentField, SegmentRegister, State } from '../state.js';
import { makeProgram } from '../testing/random-program.js';
import { makeProcessor, resetProtected } from '../testing/protected.js';
import { Random } from '../testing/random.js';
import { InterpreterEngine } from './engine.js';
import { Handler } from './handlers.js';
import { Field, recordSize } from './record.js';
import { Templates } from './template.js';

const physicalBytes = 1 << 20;
const pageBytes = 0x1000;
const code = 0x8_0000;
/** Bytes at each end of a page from which on records are compared. */
const looked = 400;
/** Not the machine's last page, and the last one: what lies behind it cannot be read. */
const places = [code, physicalBytes - pageBytes];

/** Opcodes and prefixes that random code should be rich in, beside anything. */
const frequent = [0x0f, 0x66, 0x8b, 0x89, 0x83, 0x81, 0xc7, 0x8d, 0xff, 0xf7, 0x65, 0xf3, 0xf2, 0xf0, 0x67, 0x74, 0xe8, 0xa1, 0x69, 0xc1, 0xd9, 0xdd];

function randomCode(random: Random): Uint8Array {
  return Uint8Array.from({ length: pageBytes }, () => (random.oneIn(2) ? random.pick(frequent) : random.below(256)));
}

/** Records of the straight runs from a page's first and last bytes on, each as text, without where they lie. */
function recordsOf(engine: InterpreterEngine, cpu: ReturnType<typeof makeProcessor>, place: number, bytes: Uint8Array, mode: number): string[] {
  cpu.u8.set(bytes, Layout.physical + place);
  engine.code.written(place, pageBytes);
  cpu.i32[State.mode >> 2] = mode;
  cpu.mmu.flushAll(true);
  const lines: string[] = [];
  for (let at = 0; at < pageBytes; at++) {
    if (at === looked) at = pageBytes - looked;
    let record = engine.code.recordAt(place + at);
    for (let ended = false; !ended; record += recordSize) {
      const fields = Array.from(cpu.u8.subarray(record, record + recordSize));
      const handler = cpu.u16[record >> 1]!;
      // the record a branch is linked to, and the table of the page that a check is about, are at addresses of their own
      const link = cpu.i32[(record + Field.link) >> 2]!;
      if (link >= Layout.arena) fields.fill(1, Field.link, Field.link + 4);
      if (handler === Handler.check) fields.fill(0, Field.immediate, Field.immediate + 4);
      lines.push(`${at} ${fields.join(' ')}`);
      ended = handler === Handler.link || cpu.u16[(record + Field.remaining) >> 1] === 1;
    }
  }
  return lines;
}

afterEach(() => vi.restoreAllMocks());

function machine(): { cpu: ReturnType<typeof makeProcessor>; engine: InterpreterEngine } {
  const cpu = makeProcessor({ physicalBytes });
  resetProtected(cpu);
  const engine = new InterpreterEngine(cpu);
  for (const register of [SegmentRegister.cs, SegmentRegister.ds]) cpu.i32[(State.segments + register * SegmentField.size + SegmentField.access) >> 2] = Access.present;
  return { cpu, engine };
}

it('templates make the same records as the decoder', () => {
  const copied = machine();
  const decoded = machine();
  const random = new Random(11);
  const programs = Array.from({ length: 4 }, (_, i) => (i % 2 === 0 ? randomCode(random) : makeProgram(random).bytes.slice(0, pageBytes)));
  for (const mode of [Mode.fast | Mode.flatDs | Mode.flatEs | Mode.flatSs, Mode.fast | Mode.flatSs]) {
    for (const bytes of programs) {
      for (const place of places) {
        // what is known from the programs before is known here, too
        const ours = recordsOf(copied.engine, copied.cpu, place, bytes, mode);
        const remember = vi.spyOn(Templates.prototype, 'remember').mockImplementation(() => undefined);
        const theirs = recordsOf(decoded.engine, decoded.cpu, place, bytes, mode);
        remember.mockRestore();
        expect(ours).toEqual(theirs);
      }
    }
  }
});

it('what has been met is not decoded again, wherever it is and whatever came between', () => {
  const { cpu, engine } = machine();
  const bytes = randomCode(new Random(5));
  const flat = Mode.fast | Mode.flatDs | Mode.flatEs | Mode.flatSs;
  const decodeOne = vi.spyOn(engine.code, 'decodeOne');
  const decoded = (place: number, mode: number): number => {
    decodeOne.mockClear();
    recordsOf(engine, cpu, place, bytes, mode);
    return decodeOne.mock.calls.length;
  };
  const first = decoded(code, flat);
  const again = decoded(code + pageBytes, flat);
  expect(first).toBeGreaterThan(300);
  expect(again).toBeLessThan(first / 2);
  expect(decoded(code + 2 * pageBytes, Mode.fast | Mode.flatSs)).toBeGreaterThan(again);
  // the other mode's have their places in the same hash table
  expect(decoded(code + 3 * pageBytes, flat)).toBeLessThan(again * 1.1);
});
