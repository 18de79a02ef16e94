/*
 * Functions of the interpreter's module by their numbers: those that are imported come first.
 */
import { roomCount } from './rooms.js';

export const FunctionNumber = { step: 0, fill: 1, decodeOne: 2, run: 3, decodeRun: 4, findOrDecode: 5, hostOfWrite: 6, firstRoom: 7 } as const;

/** How many are imported. */
export const importedFunctions = FunctionNumber.run;

/** The type of operations: types are numbered like the functions that have them, and this one is behind them all. The usual room is run(). */
export const operationType = FunctionNumber.firstRoom + roomCount - 1;
