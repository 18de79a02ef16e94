/*
 * The integer instructions in 16-bit code, and in segments that end.
 */
import { type LocalName, localSegments, localSelector, Place, Selector } from './case.js';
import { inSurroundings, type Surroundings } from './instruction-form.js';
import { integerGroups } from './integer-cases.js';
import type { Random } from '../src/testing/random.js';
import type { Group } from './x87-cases.js';

/** The integer instructions in other surroundings. */
function elsewhere(prefix: string, choose: (random: Random) => Surroundings): Group[] {
  return integerGroups.map(({ name, make }) => ({
    name: `${prefix} ${name}`,
    make: (random, c) => inSurroundings(choose(random), () => make(random, c)),
  }));
}

/** A data segment, and the offsets at which its size shows. */
interface DataChoice {
  readonly name: LocalName;
  readonly edges: readonly number[];
}

const data16: readonly DataChoice[] = [
  { name: 'data16', edges: [0x1000, 0xffff] }, { name: 'data16Short', edges: [0xfc0] }, { name: 'down16', edges: [0xf80, 0xffff] },
];
const data32: readonly DataChoice[] = [
  { name: 'data32Short', edges: [0x80] }, { name: 'down32', edges: [0xf80] }, { name: 'readOnly', edges: [0x1000] },
  { name: 'pages', edges: [0x2000_1000] }, { name: 'data16Short', edges: [0xfc0] },
];

function surroundings(bits: 16 | 32, code: number, codeBase: number, { name, edges }: DataChoice, stack: LocalName): Surroundings {
  const data = localSelector(name);
  return {
    bits, codeBase, edges, dataBase: localSegments[name].base,
    selectors: [data, code, localSelector(stack), data, 0, data],
  };
}

/** 16-bit code with 16-bit stacks, and data segments with limits. */
const groups16 = elsewhere('16-bit', (random) => {
  const data = random.pick(data16);
  const code = random.pick(['code16', 'code16', 'code16Short'] as const);
  return surroundings(16, localSelector(code), Place.codePage, data, random.oneIn(2) ? data.name : 'data16');
});

/** 32-bit code with data segments that end. */
const groupsSegmented = elsewhere('segmented', (random) => {
  const data = random.pick(data32);
  const short = random.oneIn(2);
  const stack = data.name === 'readOnly' ? 'down32' : data.name;
  return surroundings(32, short ? localSelector('code32Short') : Selector.code, short ? Place.codePage : 0, data, stack);
});

/** Both. */
export const segmentedGroups: readonly Group[] = [...groups16, ...groupsSegmented];
