/*
 * A generated interpreter as text, so that it can be kept in a JavaScript file; and the units it calls.
 *
 * Handlers are found by numbers that follow from the order in which instructions were defined. A packed interpreter says
 * which order that was, and is good for no other.
 */
import { allDefinitions } from '../definition.js';
import { allUnits, type Unit } from '../operations/operation.js';
import type { UndefinedResults } from '../undefined-results.js';
import { generateBesideCode } from './beside-code.js';
import type { GeneratedInterpreter } from './generate.js';

/** A unit's module in base64, and the operations it has in their places: it is good for no others. */
export interface PackedUnit {
  readonly order: string;
  readonly code: string;
}

/** A GeneratedInterpreter that JSON can hold. */
export interface PackedInterpreter {
  /** The instructions' names in the order of their numbers. */
  readonly definitions: string;
  readonly undefinedResults: UndefinedResults;
  /** The module, in base64, and that of generateBesideCode(). */
  readonly code: string;
  readonly besideCode: string;
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
}

const flatten = (map: ReadonlyMap<number, number>): number[] => [...map].flat();

function mapOf(flat: readonly number[]): Map<number, number> {
  const map = new Map<number, number>();
  for (let i = 0; i < flat.length; i += 2) map.set(flat[i]!, flat[i + 1]!);
  return map;
}

function toText(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** What Node has for this. */
interface Base64Decoder { from(text: string, encoding: 'base64'): Uint8Array }

function fromText(text: string): Uint8Array<ArrayBuffer> {
  // a loop over that many bytes, which nobody has compiled yet, takes milliseconds
  const { Buffer } = globalThis as { Buffer?: Base64Decoder };
  if (Buffer !== undefined) return new Uint8Array(Buffer.from(text, 'base64'));
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

function definitionNames(): string {
  return allDefinitions().map(({ name }) => name).join(' ');
}

/** What generateInterpreter() made for these undefined results, packed. */
export function packInterpreter(generated: GeneratedInterpreter, undefinedResults: UndefinedResults): PackedInterpreter {
  return {
    definitions: definitionNames(),
    undefinedResults,
    code: toText(generated.code),
    besideCode: toText(generateBesideCode(generated, undefinedResults)),
    handlers: flatten(generated.handlers),
    fused: flatten(generated.fused),
    calls: flatten(generated.calls),
    inline: flatten(generated.inline),
    firsts: [...generated.pairs.keys()],
    seconds: [...generated.pairs.values()].map(flatten),
    plain: [...generated.plain],
    units: Object.fromEntries(allUnits().map((unit) => [unit.name, { order: unit.order, code: toText(unit.generate()) }])),
  };
}

/** Was it made for these instructions, and these undefined results? */
function fits(packed: PackedInterpreter, undefinedResults: UndefinedResults): boolean {
  if (packed.undefinedResults !== undefinedResults || packed.definitions !== definitionNames()) return false;
  // some of their operations have handlers
  return allUnits().every(({ name, order }) => packed.units[name]?.order === order);
}

/** The other way round; undefined when it was made for other instructions or other undefined results. */
export function unpackInterpreter(packed: PackedInterpreter, undefinedResults: UndefinedResults): GeneratedInterpreter | undefined {
  if (!fits(packed, undefinedResults)) return undefined;
  return {
    code: fromText(packed.code),
    handlers: mapOf(packed.handlers),
    fused: mapOf(packed.fused),
    calls: mapOf(packed.calls),
    inline: mapOf(packed.inline),
    pairs: new Map(packed.firsts.map((first, i) => [first, mapOf(packed.seconds[i]!)])),
    plain: Uint16Array.from(packed.plain),
  };
}

/** The module that generateBesideCode() made for the interpreter; undefined as above. */
export function unpackBesideCode(packed: PackedInterpreter, undefinedResults: UndefinedResults): Uint8Array<ArrayBuffer> | undefined {
  return fits(packed, undefinedResults) ? fromText(packed.besideCode) : undefined;
}

/** A unit's module, as it was packed; undefined when that was done for other operations, or for other places of them. */
export function unpackUnit(packed: PackedInterpreter, { name, order }: Unit): Uint8Array<ArrayBuffer> | undefined {
  const unit = packed.units[name];
  return unit?.order === order ? fromText(unit.code) : undefined;
}
