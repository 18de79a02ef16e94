/*
 * The shim, put together: what every kernel for lguest starts from, ours and yours.
 *
 * It leaves these names to the kernel: main(), handleTrap(frame), beforeUser(); the variables needReschedule, systemCalls,
 * syscallCount and the array syscallTable; and whole pages named kernelDirectory, bootTable and kernelStacks.
 */
import type { Unit } from '../image/assemble.js';
import type { Source } from '../language/b.js';
import { library } from '../language/library.js';
import { entry } from './entry.js';
import { frameStruct } from './frame.js';
import { hypercall, hypercallRing } from './hypercalls.js';
import { arithmetic, blockMoves, cpuidRead } from './instructions.js';
import { interruptFlag } from './interrupt-flag.js';
import { switchStacks } from './switch.js';
import { tables, useSegments } from './tables.js';
import { trapEntry, trapStubs } from './traps.js';
import { userCopy } from './user-copy.js';

/** The assembly, the entry first. */
export const shimAssembly: readonly Unit[] = [
  entry, hypercall, interruptFlag, useSegments, trapStubs, trapEntry, switchStacks, userCopy, blockMoves, arithmetic, cpuidRead,
];
/** The part in the little language. */
export const shimSources: readonly Source[] = [frameStruct, library, hypercallRing, tables];
