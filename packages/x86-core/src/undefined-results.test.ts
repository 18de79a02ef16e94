/*
 * Undefined results by either maker. They are compared with processors of both in verify/tables; here each stands beside the other.
 */
import { describe, expect, it } from 'vitest';
import { Case, CaseView, plainStart } from '../verify/case.js';
import { Subject, interpreterEngine, referenceEngine } from '../verify/subject.js';
import { X86Error } from './error.js';
import { Machine } from './machine.js';
import type { UndefinedResults } from './undefined-results.js';

/** EFLAGS with all arithmetic flags set, and with none. */
const full = 0xad7;
const empty = 0x202;

/** Name, code, eax ecx edx, EFLAGS before; then EFLAGS and EAX by Intel and by AMD. */
type Row = readonly [name: string, code: string, registers: readonly number[], flags: number, intel: readonly number[], amd: readonly number[]];

const rows: readonly Row[] = [
  ['mul ecx', 'f7e1', [2, 3], full, [0x206, 6], [0x2d6, 6]],
  ['imul eax, ecx', '0fafc1', [-1, 0], empty, [0x206, 0], [0x202, 0]],
  ['div ecx', 'f7f1', [6, 3], full, [full, 2], [0xa13, 2]],
  ['shl eax, 1', 'd1e0', [1], empty, [0x202, 2], [0x212, 2]],
  ['shl eax, 4', 'c1e004', [0x4000_0000], empty, [0xa46, 0], [0x256, 0]],
  ['rol eax, 4', 'c1c004', [0x4000_0000], full, [0xad6, 4], [0x2d6, 4]],
  ['rol eax, cl', 'd3c0', [0x4000_0000, 4], empty, [0xa02, 4], [0x202, 4]],
  ['ror eax, cl', 'd3c8', [0x10, 8], empty, [0x202, 0x1000_0000], [0x202, 0x1000_0000]],
  ['shld ax, dx, 16', '660fa4d010', [0x1729, 0, 0xf708], empty, [0x283, 0xf708], [0xa93, 0xf708]],
  ['shld ax, dx, 18', '660fa4d012', [0x4bc5, 0, 0xd216], empty, [0xa07, 0x4859], [0x212, 0x485b]],
  ['shrd ax, dx, 20', '660facd014', [0xa7a6, 0, 0xdfe9], empty, [0x203, 0x6dfe], [0xa92, 0x9dfe]],
  ['rcl al, 9', 'c0d009', [0x80], full, [full, 0x80], [0x2d7, 0x80]],
  ['daa', '27', [0x7a], empty, [0x292, 0x80], [0xa92, 0x80]],
  ['aaa', '37', [0x000a], empty, [0x257, 0x100], [0x213, 0x100]],
  ['aad', 'd50a', [0x0a9c], empty, [0x257, 0], [0x257, 0]],
  ['bsf eax, ecx: none', '0fbcc1', [7, 0], full, [0x246, 7], [0x246, 7]],
  ['bsr eax, ecx', '0fbdc1', [0, 0xf0], full, [0x202, 7], [0x202, 7]],
  ['bt eax, ecx', '0fa3c8', [0, 0], full, [0xad6, 0], [0xad6, 0]],
  ['xor eax, eax', '31c0', [1], full, [0x246, 0], [0x246, 0]],
];

describe.each([['reference', referenceEngine], ['interpreter', interpreterEngine]] as const)('%s engine', (_, factory) => {
  it.each(rows)('%s', (_, code, registers, flags, intel, amd) => {
    const results = (['intel', 'amd'] as const).map((maker: UndefinedResults) => {
      const c = new CaseView();
      plainStart(c);
      c.setCode(Buffer.from(code, 'hex'));
      registers.forEach((value, r) => c.setRegister(r, value >>> 0));
      c.setWord(Case.eflags, flags);
      new Subject(factory, maker).run(c);
      return [c.word(Case.eflags), c.register(0)];
    });
    expect(results).toEqual([intel, amd]);
  });
});

it('a maker nobody knows is refused', () => {
  const options = { physicalBytes: 0x1000, undefinedResults: 'cyrix' as UndefinedResults };
  expect(() => new Machine(options)).toThrow(X86Error);
  expect(() => new Machine(options)).toThrow(/'intel' or 'amd', not cyrix/);
});
