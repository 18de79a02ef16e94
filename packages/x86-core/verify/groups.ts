/*
 * All groups of cases, by the file their recorded examples go to.
 */
import { integerGroups } from './integer-cases.js';
import { segmentedGroups } from './segmented-cases.js';
import { sequenceGroup, undefinedSequenceGroup } from './sequence-cases.js';
import { keptBackGroup, packedGroups, vectorConversionGroups, vectorFloatGroups, vectorMoveGroups } from './vector-cases.js';
import { x87StateGroups } from './x87-state-cases.js';
import { type Group, transcendentalGroups, x87Groups } from './x87-cases.js';

const matches = (groups: readonly Group[], pattern: RegExp): Group[] => groups.filter(({ name }) => pattern.test(name));
const jumps = /^(j|loop|call|ret|iret|int)/;
const strings = /^(movs|cmps|stos|lods|scas|in out)$/;
const stack = /^(push|pop|pusha|popa|pushf|popf|enter|leave)$/;
const segments = /sreg|^(les lds|lar|verr|arpl|privileged|undefined)/;
const bits = /^(rol|ror|rcl|rcr|shl|shr|sal|sar|bt|bts|btr|btc|bsf|bsr|shld|shrd|bswap)$/;
const decimal = /^(daa|aaa|aam|aad|salc)/;
const special = [jumps, strings, stack, segments, bits, decimal];

const transfers = /^(fld|fst|fild|fist|fbld|fbstp|fxch|constants|fcmov|fchs|fabs)/;
const comparisons = /^(fi?u?com|ftst|fxam)/;
const control = /^(fn|fwait|fldcw|fldenv|frstor|ffree|f(inc|dec)stp|feni|undefined)/;

/** File name → groups. */
export const files: Readonly<Record<string, readonly Group[]>> = {
  'integer-arithmetic': integerGroups.filter(({ name }) => !special.some((pattern) => pattern.test(name))),
  'integer-bits': matches(integerGroups, bits),
  'integer-decimal': matches(integerGroups, decimal),
  'integer-jumps': matches(integerGroups, jumps),
  'integer-segments': matches(integerGroups, segments),
  'integer-stack': matches(integerGroups, stack),
  'integer-strings': matches(integerGroups, strings),
  'integer-16-bit': matches(segmentedGroups, /^16-bit/),
  'integer-segmented': matches(segmentedGroups, /^segmented/),
  sequences: [sequenceGroup, undefinedSequenceGroup],
  'vector-conversions': vectorConversionGroups,
  'vector-float': vectorFloatGroups,
  'vector-moves': [...vectorMoveGroups, keptBackGroup],
  'vector-packed': packedGroups,
  'x87-arithmetic': x87Groups.filter(({ name }) => ![transfers, comparisons, control].some((pattern) => pattern.test(name))),
  'x87-comparisons': matches(x87Groups, comparisons),
  'x87-control': x87Groups.filter(({ name }) => control.test(name) && !transfers.test(name)),
  'x87-state': x87StateGroups,
  'x87-transfers': x87Groups.filter(({ name }) => transfers.test(name) && !control.test(name)),
  'x87-transcendental': transcendentalGroups,
};

/** Every group once. */
export const allGroups: readonly Group[] = [...new Set(Object.values(files).flat())];
