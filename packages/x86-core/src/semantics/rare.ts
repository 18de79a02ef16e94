/*
 * Gives the rare and system instructions their definitions: plain functions under the names the opcode maps use.
 */
import type { Shortcut } from '../builder.js';
import { Feature } from '../cpuid.js';
import { define, type RareExecute } from '../definition.js';
import { SegmentRegister } from '../state.js';
import { systemInstructions } from '../system/index.js';
import { quickFxRestore, quickFxSave } from './fpu-image.js';
import {
  quickInterrupt, quickMoveFromSegment, quickMoveToSegment, quickPopFlags, quickPopSegment, quickPushFlags, quickPushSegment, quickReturn,
  quickVerifyWrite,
} from './gates.js';
import { findVectorCall } from '../vector/compiled.js';
import '../vector/compiled-integer.js';
import '../vector/compiled-float.js';
import { emmsOperation } from '../vector/compiled-moves.js';
import { cacheFlush, emms, executeVector, mxcsr } from '../vector/execute.js';
import { findWaitCall, findX87Call } from '../x87/compiled.js';
import '../x87/compiled-arithmetic.js';
import '../x87/compiled-transfers.js';
import { executeX87, fwait, fxrstor, fxsave } from '../x87/execute.js';

/** After these the next instruction is looked up afresh: they jump, or change what addresses mean. */
const ending = new Set([
  'jmp_far', 'call_far', 'ret_far', 'iret', 'int', 'int3', 'int1', 'hlt', 'mov_to_cr', 'lmsw', 'wrmsr', 'invlpg',
]);

/** The usual case of some, for generated code. */
const shortcuts: Readonly<Record<string, { shortcut: Shortcut; uses?: string }>> = {
  int: { shortcut: quickInterrupt, uses: 'r' }, iret: { shortcut: quickReturn },
  pushf: { shortcut: quickPushFlags }, popf: { shortcut: quickPopFlags }, verw: { shortcut: quickVerifyWrite, uses: 'r' },
};

/** What not every model has. */
const features: Readonly<Record<string, number>> = { rdtsc: Feature.tsc, rdmsr: Feature.msr, wrmsr: Feature.msr };

for (const [name, rare] of Object.entries(systemInstructions)) {
  define(name, { rare, ends: ending.has(name), feature: features[name] ?? 0, ...shortcuts[name] });
}

// moves of segment registers, one definition for each so that a shortcut knows which
const { mov_to_sreg: moveTo, mov_from_sreg: moveFrom, push_sreg: push, pop_sreg: pop } = systemInstructions as Record<string, RareExecute>;
for (const [name, segment] of Object.entries(SegmentRegister)) {
  if (segment > SegmentRegister.gs) continue;
  const loadable = segment !== SegmentRegister.cs && segment !== SegmentRegister.ss;
  define(`mov_to_${name}`, { rare: moveTo!, uses: 'r', ...(loadable && { shortcut: quickMoveToSegment(segment) }) });
  define(`mov_from_${name}`, { rare: moveFrom!, uses: 'w', shortcut: quickMoveFromSegment(segment) });
  define(`push_${name}`, { rare: push!, shortcut: quickPushSegment(segment) });
  define(`pop_${name}`, { rare: pop!, ...(loadable && { shortcut: quickPopSegment(segment) }) });
}

define('x87', { rare: executeX87, findCall: findX87Call });
define('fwait', { rare: fwait, findCall: findWaitCall });
define('fxsave', { rare: fxsave, feature: Feature.fxsr, shortcut: quickFxSave, uses: 'w' });
define('fxrstor', { rare: fxrstor, feature: Feature.fxsr, shortcut: quickFxRestore, uses: 'r' });
define('vector', { rare: executeVector, findCall: findVectorCall });
define('emms', { rare: emms, feature: Feature.mmx, findCall: () => ({ operation: emmsOperation, register: 0, operand: 0 }) });
define('mxcsr', { rare: mxcsr, feature: Feature.sse });
// one CPU sees its own accesses in order anyway
define('fence', { feature: Feature.sse2, hot: true, execute: () => undefined });
define('store_fence', { feature: Feature.sse, hot: true, execute: () => undefined });
define('cache_flush', { rare: cacheFlush });
