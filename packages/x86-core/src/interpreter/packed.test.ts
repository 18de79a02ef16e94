import { afterEach, describe, expect, it, vi } from 'vitest';
import { readyMadeText } from './embed.js';
import { generateInterpreter } from './generate.js';
import { allUnits } from '../operations/operation.js';
import { generateBesideCode } from './beside-code.js';
import { packInterpreter, type PackedInterpreter, unpackBesideCode, unpackInterpreter, unpackUnit } from './packed.js';
import { readyMade } from './ready-made.js';

afterEach(() => vi.unstubAllGlobals());

describe('an interpreter that was generated before', () => {
  const generated = generateInterpreter('intel');

  it('comes out of the module that the build makes just as it is generated', async () => {
    const module = (await import(`data:text/javascript,${encodeURIComponent(readyMadeText())}`)) as { readyMade: () => PackedInterpreter };
    expect(unpackInterpreter(module.readyMade(), 'intel')).toEqual(generated);
    expect(WebAssembly.validate(generated.code)).toBe(true);
  });

  it('brings its units along', () => {
    const packed = packInterpreter(generated, 'intel');
    expect(allUnits().map(({ name }) => name)).toEqual(expect.arrayContaining(['moves', 'comparisons', 'integers', 'x87', 'vector']));
    for (const unit of allUnits()) expect(unpackUnit(packed, unit)).toEqual(unit.generate());
    vi.stubGlobal('Buffer', undefined);
    for (const unit of allUnits()) expect(unpackUnit(packed, unit)).toEqual(unit.generate());
  });

  it('brings what writes beside code', () => {
    const packed = packInterpreter(generated, 'intel');
    expect(unpackBesideCode(packed, 'intel')).toEqual(generateBesideCode(generated, 'intel'));
    expect(WebAssembly.validate(unpackBesideCode(packed, 'intel')!)).toBe(true);
    expect(unpackBesideCode(packed, 'amd')).toBeUndefined();
  });

  it('is refused where operations have other places', () => {
    const packed = packInterpreter(generated, 'intel');
    for (const unit of allUnits()) {
      const names = unit.order.split(' ');
      expect(new Set(names).size).toBe(names.length);
      const other = { ...packed, units: { ...packed.units, [unit.name]: { ...packed.units[unit.name]!, order: [...names, 'other'].reverse().join(' ') } } };
      expect(unpackUnit(other, unit)).toBeUndefined();
      expect(unpackInterpreter(other, 'intel')).toBeUndefined();
    }
  });

  it('is refused where it would not be the same', () => {
    const packed = packInterpreter(generated, 'intel');
    expect(unpackInterpreter(packed, 'amd')).toBeUndefined();
    expect(unpackInterpreter({ ...packed, definitions: packed.definitions.replace('add', 'sub') }, 'intel')).toBeUndefined();
    expect(generateInterpreter('amd').code).not.toEqual(generated.code);
  });

  it('is not there when we run from source', () => {
    expect(readyMade()).toBeUndefined();
  });
});
