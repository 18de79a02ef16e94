/*
 * From source texts and assembly to linked code and a place for each variable.
 */
import * as abi from '@lguest/lg-host/abi';
import type { Source } from '../language/b.js';
import { emit } from '../language/emit.js';
import { emptyProgram, parse } from '../language/parser.js';
import type { Program } from '../language/tree.js';
import * as layout from '../layout.js';
import * as pagingBits from '../shim/paging-bits.js';
import { BREAKPOINT } from '../shim/traps.js';
import { labelsOf, type Linked, link, type Unit } from './assemble.js';

const VARIABLE_ALIGNMENT = 4;

/** What to build; `base` and `dataBase` are the virtual addresses of code and variables. */
export interface ProgramParts {
  readonly assembly: readonly Unit[];
  readonly sources: readonly Source[];
  readonly base: number;
  readonly dataBase: number;
  readonly constants?: Readonly<Record<string, number>>;
}

/** Code and constants as bytes; variables as so many bytes of zeros. */
export interface BuiltProgram {
  readonly linked: Linked;
  readonly dataBytes: number;
}

/** Compile, assemble and link. @throws GuestBuildError. */
export function buildProgram({ assembly, sources, base, dataBase, constants = {} }: ProgramParts): BuiltProgram {
  const program = emptyProgram({ ...numbers(abi), ...numbers(layout), ...numbers(pagingBits), ...ownNumbers, ...constants });
  parse(sources, program);
  const { addresses, bytes } = placeVariables(program, dataBase);
  const externals = new Set(assembly.flatMap(labelsOf));
  const known = new Map(addresses);
  known.set('bssStart', dataBase);
  known.set('bssWords', bytes / VARIABLE_ALIGNMENT);
  known.set('bssBytes', bytes);
  externals.add('bssBytes');
  const linked = link([...assembly, ...emit(program, externals).units], base, known);
  return { linked, dataBytes: bytes };
}

/** Names of our own that the little language knows. */
const ownNumbers = {
  BREAKPOINT,
  KERNEL_STACK_PAGES: layout.KERNEL_STACK_BYTES / abi.PAGE_SIZE,
  USER_TLS_SELECTOR: (abi.GDT_ENTRY_TLS_MIN << 3) | abi.USER_PL,
};

/** Every exported number by its name, and every number in an exported table as table_name. */
function numbers(module: Readonly<Record<string, unknown>>): Record<string, number> {
  const found: Record<string, number> = {};
  for (const [name, value] of Object.entries(module)) {
    if (typeof value === 'number') found[name] = value;
    else if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      for (const [key, inner] of Object.entries(value)) if (typeof inner === 'number') found[`${name}_${key}`] = inner;
    }
  }
  return found;
}

/** Pages first (page tables and stacks must begin on one), then the small ones. */
function placeVariables(program: Program, base: number): { addresses: Map<string, number>; bytes: number } {
  const addresses = new Map<string, number>();
  let at = base;
  const wholePages = (size: number): boolean => size % abi.PAGE_SIZE === 0;
  const all = [...program.variables];
  for (const [name, { bytes }] of [...all.filter(([, v]) => wholePages(v.bytes)), ...all.filter(([, v]) => !wholePages(v.bytes))]) {
    addresses.set(name, at);
    at += Math.ceil(bytes / VARIABLE_ALIGNMENT) * VARIABLE_ALIGNMENT;
  }
  return { addresses, bytes: Math.ceil((at - base) / abi.PAGE_SIZE) * abi.PAGE_SIZE };
}
