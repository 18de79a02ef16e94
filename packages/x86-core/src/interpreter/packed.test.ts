import { afterEach, describe, expect, it, vi } from 'vitest';
import { readyMadeText } from './embed.js';
import { generateInterpreter } from './generate.js';
import { allUnits } from '../operations/operation.js';
import { generateBesideCode } from './beside-code.js';
import { openInterpreter, packInterpreter, unpackBesideCode, unpackInterpreter, unpackUnit } from './packed.js';
import { readyMade } from './ready-made.js';

afterEach(() => vi.unstubAllGlobals());

/** The module that the build makes. */
async function readyMadeModule(): Promise<{ readyMade: () => Uint8Array<ArrayBuffer> }> {
  return import(`data:text/javascript,${encodeURIComponent(readyMadeText())}`);
}

describe('an interpreter that was generated before', () => {
  const generated = generateInterpreter('intel');
  const bytes = packInterpreter(generated, 'intel');
  const packed = openInterpreter(bytes)!;

  it('comes out just as it is generated', () => {
    expect(unpackInterpreter(packed, 'intel')).toEqual(generated);
    expect(WebAssembly.validate(generated.code)).toBe(true);
  });

  it('is in the module that the build makes', async () => {
    const { readyMade } = await readyMadeModule();
    expect(readyMade()).toEqual(bytes);
    vi.stubGlobal('Buffer', undefined);
    expect(readyMade()).toEqual(bytes);
    // what new hosts have for it
    vi.stubGlobal('Uint8Array', { fromBase64: (text: string) => text.length });
    expect(readyMade()).toBe(Math.ceil(bytes.length / 3) * 4);
  });

  it('may be anywhere in a buffer', () => {
    const larger = new Uint8Array(bytes.length + 3);
    larger.set(bytes, 3);
    expect(unpackInterpreter(openInterpreter(larger.subarray(3))!, 'intel')).toEqual(generated);
  });

  it('brings its units along', () => {
    expect(allUnits().map(({ name }) => name)).toEqual(expect.arrayContaining(['moves', 'comparisons', 'integers', 'x87', 'vector']));
    for (const unit of allUnits()) expect(unpackUnit(packed, unit)).toEqual(unit.generate());
  });

  it('brings what writes beside code', () => {
    expect(unpackBesideCode(packed, 'intel')).toEqual(generateBesideCode(generated, 'intel'));
    expect(WebAssembly.validate(unpackBesideCode(packed, 'intel')!)).toBe(true);
    expect(unpackBesideCode(packed, 'amd')).toBeUndefined();
  });

  it('is refused where operations have other places', () => {
    for (const unit of allUnits()) {
      const names = unit.order.split(' ');
      expect(new Set(names).size).toBe(names.length);
      const other = vi.spyOn(unit, 'order', 'get').mockReturnValue([...names, 'other'].reverse().join(' '));
      expect(openInterpreter(bytes), unit.name).toBeUndefined();
      other.mockRestore();
    }
    expect(openInterpreter(bytes)).toBeDefined();
  });

  it('is refused where it would not be the same', () => {
    expect(unpackInterpreter(packed, 'amd')).toBeUndefined();
    expect(generateInterpreter('amd').code).not.toEqual(generated.code);
    const text = JSON.stringify(packed.head.definitions);
    const at = Buffer.from(bytes).indexOf(text);
    const other = bytes.slice();
    other.set(new TextEncoder().encode('"sub'), at);
    expect(at).toBeGreaterThan(0);
    expect(openInterpreter(other)).toBeUndefined();
  });

  it('is refused when it is not all there', () => {
    for (const length of [0, 3, 4, 1000, bytes.length - 1]) expect(openInterpreter(bytes.slice(0, length)), String(length)).toBeUndefined();
    expect(openInterpreter(new Uint8Array(bytes.length))).toBeUndefined();
    expect(openInterpreter(new Uint8Array(bytes.length).fill(0xff))).toBeUndefined();
  });

  it('is not there when we run from source', () => {
    expect(readyMade()).toBeUndefined();
  });
});
