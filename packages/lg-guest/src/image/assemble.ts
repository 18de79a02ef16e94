/// <reference path="../defasm.d.ts" />
/*
 * From assembly text to bytes at addresses.
 *
 * @defasm/core turns one piece of text into bytes and a list of places where an address is still missing, which is what
 * an assembler writes into an object file. So each function is a piece of its own, assembled alone (small pieces are
 * quick and keep their labels to themselves), and this file is the linker: it lays the pieces one after the other and
 * fills in the addresses.
 */
import { AssemblyState, type Relocation } from '@defasm/core';
import { GuestBuildError } from '../error.js';

/** A piece of assembly, in the syntax of GNU as. Labels that are a capital L and digits are its own. */
export interface Unit {
  readonly name: string;
  readonly text: string;
}

interface Piece {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly relocations: readonly Relocation[];
  readonly labels: readonly (readonly [string, number])[];
  address: number;
}

/** Code and constant data, linked. */
export interface Linked {
  readonly bytes: Uint8Array;
  readonly symbols: ReadonlyMap<string, number>;
}

const privateLabel = /^L\d+$/;
const UNIT_ALIGNMENT = 16;
const INT3 = 0xcc;
/** Bits of the only addresses there are to fill in. */
const ADDRESS_BITS = 32;

/** The labels that a unit gives to others. */
export function labelsOf(unit: Unit): string[] {
  return [...unit.text.matchAll(/^\s*([A-Za-z_]\w*):/gm)].map(([, label]) => label!).filter((label) => !privateLabel.test(label));
}

/**
 * Assemble units and lay them out from `base` (a virtual address) upwards. `known` gives the addresses and values of
 * names that no unit defines.
 * @throws GuestBuildError 'assembly', 'link'.
 */
export function link(units: readonly Unit[], base: number, known: ReadonlyMap<string, number>): Linked {
  const pieces = units.map(assembleUnit);
  const symbols = new Map(known);
  let address = base;
  for (const piece of pieces) {
    piece.address = address;
    for (const [name, offset] of piece.labels) {
      if (symbols.has(name)) throw new GuestBuildError('link', `${name} is defined twice; the second time in ${piece.name}`);
      symbols.set(name, address + offset);
    }
    address += Math.ceil(piece.bytes.length / UNIT_ALIGNMENT) * UNIT_ALIGNMENT;
  }
  const bytes = new Uint8Array(address - base).fill(INT3);
  const view = new DataView(bytes.buffer);
  for (const piece of pieces) {
    bytes.set(piece.bytes, piece.address - base);
    for (const relocation of piece.relocations) relocate(view, base, piece, relocation, symbols);
  }
  return { bytes, symbols };
}

function assembleUnit(unit: Unit): Piece {
  const state = new AssemblyState({ syntax: { intel: false, prefix: true }, bitness: ADDRESS_BITS });
  state.compile(unit.text, { haltOnError: false });
  const [error] = state.errors;
  if (error !== undefined) {
    const start = error.range?.start ?? 0;
    throw new GuestBuildError('assembly', `${unit.name}: ${error.message}: ${unit.text.slice(unit.text.lastIndexOf('\n', start - 1) + 1).split('\n')[0]}`);
  }
  const labels = new Set(labelsOf(unit));
  return {
    name: unit.name,
    bytes: Uint8Array.from(state.head.dump()),
    relocations: state.sections[0]!.getRelocations(),
    labels: [...state.symbols.values()].filter(({ name }) => labels.has(name)).map(({ name, value }) => [name, Number(value.addend)] as const),
    address: 0,
  };
}

/** The name @defasm/core gives the beginning of a piece. */
const OWN_SECTION = '.text';

function relocate(view: DataView, base: number, piece: Piece, relocation: Relocation, symbols: ReadonlyMap<string, number>): void {
  const name = relocation.symbol?.name ?? OWN_SECTION;
  const target = name === OWN_SECTION ? piece.address : symbols.get(name);
  if (target === undefined) throw new GuestBuildError('link', `${piece.name} uses ${name}, which nobody defines`);
  if (relocation.size !== ADDRESS_BITS) throw new GuestBuildError('link', `${piece.name} uses ${name} where only ${relocation.size} bits fit`);
  const place = piece.address + relocation.offset;
  // a relative address counts from the end of its field; the addend holds that already
  const value = target + Number(relocation.addend) - (relocation.pcRelative ? place : 0);
  view.setUint32(place - base, value >>> 0, true);
}
