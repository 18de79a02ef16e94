/*
 * A generated interpreter as bytes, so that it can be kept in a file; and the units it calls. A head in JSON says what is
 * where, and the modules are behind it, just as they are: each is taken out when it is wanted.
 *
 * Handlers are found by numbers that follow from the order in which instructions were defined. A packed interpreter says
 * which order that was, and is good for no other.
 */
import { allDefinitions } from '../definition.js';
import { allUnits, type Unit } from '../operations/operation.js';
import type { UndefinedResults } from '../undefined-results.js';
import { generateBesideCode } from './beside-code.js';
import type { GeneratedInterpreter } from './generate.js';

type Bytes = Uint8Array<ArrayBuffer>;

/** Where a module is, from the end of the head on. */
interface Place {
  readonly at: number;
  readonly length: number;
}

/** A unit's module, and the operations it has in their places: it is good for no others. */
interface PackedUnit extends Place {
  readonly order: string;
}

interface Head {
  /** The instructions' names in the order of their numbers. */
  readonly definitions: string;
  readonly undefinedResults: UndefinedResults;
  /** The interpreter's module, and that of generateBesideCode(). */
  readonly code: Place;
  readonly besideCode: Place;
  /** Maps: key, value, key, value and so on. */
  readonly handlers: readonly number[];
  readonly fused: readonly number[];
  readonly calls: readonly number[];
  readonly inline: readonly number[];
  /** The first halves of pairs, and for each the map of its second halves. */
  readonly firsts: readonly number[];
  readonly seconds: readonly (readonly number[])[];
  readonly plain: readonly number[];
  /** By name. */
  readonly units: Readonly<Record<string, PackedUnit>>;
  /** Bytes of all modules together. */
  readonly length: number;
}

/** A packed interpreter whose head has been read. */
export interface PackedInterpreter {
  readonly head: Head;
  readonly modules: Bytes;
}

/** The head's length comes first. */
const lengthBytes = 4;

const flatten = (map: ReadonlyMap<number, number>): number[] => [...map].flat();

function mapOf(flat: readonly number[]): Map<number, number> {
  const map = new Map<number, number>();
  for (let i = 0; i < flat.length; i += 2) map.set(flat[i]!, flat[i + 1]!);
  return map;
}

const definitionNames = (): string => allDefinitions().map(({ name }) => name).join(' ');

/** Puts modules one behind the other. */
class Modules {
  readonly #all: Bytes[] = [];
  length = 0;

  add(module: Bytes): Place {
    const at = this.length;
    this.#all.push(module);
    this.length += module.length;
    return { at, length: module.length };
  }

  /** All of it, behind a head. */
  behind(head: Bytes): Bytes {
    const whole = new Uint8Array(lengthBytes + head.length + this.length);
    new DataView(whole.buffer).setUint32(0, head.length, true);
    let at = lengthBytes;
    for (const part of [head, ...this.#all]) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }
}

/** What generateInterpreter() made for these undefined results, packed. */
export function packInterpreter(generated: GeneratedInterpreter, undefinedResults: UndefinedResults): Bytes {
  const modules = new Modules();
  const head: Head = {
    definitions: definitionNames(),
    undefinedResults,
    code: modules.add(generated.code),
    besideCode: modules.add(generateBesideCode(generated, undefinedResults)),
    handlers: flatten(generated.handlers),
    fused: flatten(generated.fused),
    calls: flatten(generated.calls),
    inline: flatten(generated.inline),
    firsts: [...generated.pairs.keys()],
    seconds: [...generated.pairs.values()].map(flatten),
    plain: [...generated.plain],
    units: Object.fromEntries(allUnits().map((unit) => [unit.name, { order: unit.order, ...modules.add(unit.generate()) }])),
    length: modules.length,
  };
  return modules.behind(new TextEncoder().encode(JSON.stringify(head)));
}

function readHead(bytes: Bytes): PackedInterpreter {
  const end = lengthBytes + new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(bytes.subarray(lengthBytes, end))) as Head;
  return { head, modules: bytes.subarray(end) };
}

/** Is all of it there, and was it made for these instructions, and for these operations in their places? */
function fits({ head, modules }: PackedInterpreter): boolean {
  return modules.length === head.length && head.definitions === definitionNames()
    && allUnits().every(({ name, order }) => head.units[name]?.order === order);
}

/** A packed interpreter; undefined when it is none, or made for other instructions. */
export function openInterpreter(bytes: Bytes): PackedInterpreter | undefined {
  try {
    const packed = readHead(bytes);
    return fits(packed) ? packed : undefined;
  } catch {
    return undefined;
  }
}

const moduleAt = ({ modules }: PackedInterpreter, { at, length }: Place): Bytes => modules.subarray(at, at + length);

/** The interpreter; undefined when it was made for other undefined results. */
export function unpackInterpreter(packed: PackedInterpreter, undefinedResults: UndefinedResults): GeneratedInterpreter | undefined {
  const { head } = packed;
  if (head.undefinedResults !== undefinedResults) return undefined;
  return {
    code: moduleAt(packed, head.code),
    handlers: mapOf(head.handlers),
    fused: mapOf(head.fused),
    calls: mapOf(head.calls),
    inline: mapOf(head.inline),
    pairs: new Map(head.firsts.map((first, i) => [first, mapOf(head.seconds[i]!)])),
    plain: Uint16Array.from(head.plain),
  };
}

/** The module that generateBesideCode() made for the interpreter; undefined as above. */
export function unpackBesideCode(packed: PackedInterpreter, undefinedResults: UndefinedResults): Bytes | undefined {
  return packed.head.undefinedResults === undefinedResults ? moduleAt(packed, packed.head.besideCode) : undefined;
}

/** A unit's module. */
export function unpackUnit(packed: PackedInterpreter, { name }: Unit): Bytes {
  return moduleAt(packed, packed.head.units[name]!);
}
