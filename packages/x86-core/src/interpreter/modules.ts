/*
 * WebAssembly modules that machines have in common: the interpreter, and what it calls. Each is made when the first machine
 * wants it, of what the build has left, or generated on the spot.
 */
import type { Unit } from '../operations/operation.js';
import type { UndefinedResults } from '../undefined-results.js';
import { generateBesideCode } from './beside-code.js';
import { generateInterpreter, type GeneratedInterpreter } from './generate.js';
import { openInterpreter, type PackedInterpreter, unpackBesideCode, unpackInterpreter, unpackUnit } from './packed.js';
import { readyMade } from './ready-made.js';

/** What the build has left us; undefined until somebody asks. */
let left: { readonly packed: PackedInterpreter | undefined } | undefined;

function leftByBuild(): PackedInterpreter | undefined {
  if (left === undefined) {
    const bytes = readyMade();
    left = { packed: bytes && openInterpreter(bytes) };
  }
  return left.packed;
}

/** Machines that agree in undefined results share their interpreter. */
const modules = new Map<UndefinedResults, { generated: GeneratedInterpreter; module: WebAssembly.Module }>();

/** The interpreter for some undefined results. */
export function interpreterModule(undefinedResults: UndefinedResults): { generated: GeneratedInterpreter; module: WebAssembly.Module } {
  let known = modules.get(undefinedResults);
  if (!known) {
    const packed = leftByBuild();
    const generated = (packed && unpackInterpreter(packed, undefinedResults)) ?? generateInterpreter(undefinedResults);
    known = { generated, module: new WebAssembly.Module(generated.code) };
    modules.set(undefinedResults, known);
  }
  return known;
}

/** Modules of units, shared like those above. */
const unitModules = new Map<Unit, WebAssembly.Module | undefined>();

/** The module; undefined where the host cannot compile it. (To ask it before would take as long again.) */
function compiled(code: Uint8Array<ArrayBuffer>): WebAssembly.Module | undefined {
  try {
    return new WebAssembly.Module(code);
  } catch {
    return undefined;
  }
}

/** A unit's operations; undefined where the host cannot compile them. */
export function unitModule(unit: Unit): WebAssembly.Module | undefined {
  if (!unitModules.has(unit)) {
    const packed = leftByBuild();
    unitModules.set(unit, compiled((packed && unpackUnit(packed, unit)) ?? unit.generate()));
  }
  return unitModules.get(unit);
}

/** Handlers for writes beside code, shared like the interpreter. */
const besideModules = new Map<UndefinedResults, WebAssembly.Module>();

/** Handlers for writes beside code. */
export function besideModule(generated: GeneratedInterpreter, undefinedResults: UndefinedResults): WebAssembly.Module {
  let module = besideModules.get(undefinedResults);
  if (!module) {
    const packed = leftByBuild();
    const code = (packed && unpackBesideCode(packed, undefinedResults)) ?? generateBesideCode(generated, undefinedResults);
    module = new WebAssembly.Module(code);
    besideModules.set(undefinedResults, module);
  }
  return module;
}
