/*
 * Transcendental results that are too small for a series round as what they are: a little less, or more, than the
 * first term. (All others are in the tables that a real processor has filled, within one unit in the last place.)
 */
import { describe, expect, it } from 'vitest';
import { Machine, SegmentRegister } from '../index.js';

const Rounding = { nearest: 0, down: 1, up: 2, zero: 3 } as const;
const roundingShift = 10;
const startControl = 0x37f;
const at = { control: 0x900, y: 0x910, x: 0x920, result: 0x930 };
const one = [0, 0, 0, 0, 0, 0, 0, 0x80, 0xff, 0x3f];
/** 2^-200 with a significand of 1 + 2^-63. */
const tiny = [1, 0, 0, 0, 0, 0, 0, 0x80, 0x37, 0x3f];

/** arctan(y / x), as hexadecimal digits of the significand, low byte first. */
function arctangent(y: readonly number[], x: readonly number[], rounding: number, engine: 'reference' | 'interpreter'): string {
  const { cpu, physical } = new Machine({ physicalBytes: 1 << 16, engine });
  physical.write16(at.control, startControl | (rounding << roundingShift));
  physical.write(at.y, Uint8Array.from(y));
  physical.write(at.x, Uint8Array.from(x));
  physical.write(0x800, Uint8Array.of(
    0xdb, 0xe3,             // fninit
    0xd9, 0x2e, 0x00, 0x09, // fldcw
    0xdb, 0x2e, 0x10, 0x09, // fld y
    0xdb, 0x2e, 0x20, 0x09, // fld x
    0xd9, 0xf3,             // fpatan
    0xdb, 0x3e, 0x30, 0x09, // fstp result
    0xf4,                   // hlt
  ));
  cpu.loadSegment(SegmentRegister.cs, 0);
  cpu.eip = 0x800;
  cpu.run(100);
  return Buffer.from(physical.bytes.slice(at.result, at.result + 8)).toString('hex');
}

describe.each(['reference', 'interpreter'] as const)('FPATAN of a tiny quotient (%s)', (engine) => {
  const same = '0100000000000080';
  const less = '0000000000000080';
  const negative = [...tiny.slice(0, 9), tiny[9]! | 0x80];

  it.each([
    ['is the quotient, to nearest', tiny, Rounding.nearest, same],
    ['is the quotient, upwards', tiny, Rounding.up, same],
    ['is less, downwards', tiny, Rounding.down, less],
    ['is less, towards zero', tiny, Rounding.zero, less],
    ['is less in magnitude when negative, upwards', negative, Rounding.up, less],
    ['is the quotient when negative, downwards', negative, Rounding.down, same],
  ])('%s', (_, y, rounding, result) => {
    expect(arctangent(y, one, rounding, engine)).toBe(result);
  });
});
