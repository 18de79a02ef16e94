/*
 * Regions: that hot code gets them, that they do what the interpreter does, count as it does, and go when their code goes.
 * (That they compute the same as the reference on all sorts of code is told in engines.test.ts.)
 */
import { describe, expect, it } from 'vitest';
import { type EngineName, ExitReason, type JitOptions, type Machine, Register } from '../index.js';
import { Cr0, Cr4 } from '../state.js';
import { assemble, codeAt, flatMachine } from '../testing/flat-machine.js';
import { emitStructured } from './structure.js';

const budget = 200_000;

const machineWith = (source: string, engine: EngineName = 'jit', jit: JitOptions = {}): Machine =>
  flatMachine(source, 0x8_0000, { physicalBytes: 1 << 20, engine, jit: { hotAfter: 1, ...jit } });

/** The same program on two engines, in pieces of odd lengths: registers and counts must always agree. */
function compare(source: string, rounds = 40, prepare: (machine: Machine) => void = () => undefined, other: EngineName = 'interpreter'): Machine {
  const [jit, peer] = [machineWith(source), machineWith(source, other)];
  for (const machine of [jit, peer]) prepare(machine);
  for (let i = 0; i < rounds; i++) {
    const length = i % 3 === 0 ? budget : 1 + ((i * 7919) % 30_011);
    for (const { cpu } of [jit, peer]) expect(cpu.run(length).reason).toBe(ExitReason.budget);
    expect(Array.from(jit.cpu.regs), `after ${i} pieces`).toEqual(Array.from(peer.cpu.regs));
    expect([jit.cpu.eip, jit.cpu.eflags, jit.cpu.retired]).toEqual([peer.cpu.eip, peer.cpu.eflags, peer.cpu.retired]);
  }
  expect(Buffer.compare(jit.physical.bytes, peer.physical.bytes)).toBe(0);
  return jit;
}

describe('regions', () => {
  it('are made of loops, and count exactly', () => {
    const { cpu } = compare('again: inc %eax\nadd %eax, %ebx\ncmp $1000, %eax\njne again\nxor %eax, %eax\njmp again');
    expect(cpu.statistics.regions.compiled).toBeGreaterThan(0);
    expect(cpu.statistics.instructions.reference).toBeLessThan(cpu.retired / 1000);
  });

  it('hold calls and returns, across pages', () => {
    const { cpu } = compare(`again: call first\ncall second\nmov %eax, 0x20000(,%edx,4)\ninc %edx\nand $0xff, %edx\njmp again
      ${'nop\n'.repeat(0x1100)}
      first: add $3, %eax\ncall second\nret\nsecond: rol $5, %eax\nxor %edx, %eax\nret`);
    expect(cpu.statistics.regions.compiled).toBeGreaterThan(0);
  });

  it('hold jumps through tables, and leave them for places not in the table', () => {
    const source = `again: inc %ecx\nmov %ecx, %eax\nand $3, %eax\ncmp $3, %eax\nje far\njmp *0x30000(,%eax,4)
      add $1, %ebx\njmp again\nadd $20, %ebx\njmp again\nadd $30, %ebx\nimul $3, %ebx, %ebx\njmp again
      far: mov 0x3000c, %edi\njmp *%edi\nadd $40, %ebx\nxor %ecx, %ebx\njmp again`;
    const places = [1, 20, 30, 40].map((value) => codeAt + Buffer.from(assemble(source)).indexOf(Uint8Array.of(0x83, 0xc3, value)));
    const { cpu } = compare(source, 40, ({ physical }) => places.forEach((place, i) => physical.write32(0x3_0000 + 4 * i, place)));
    expect(cpu.statistics.regions.compiled).toBeGreaterThan(0);
  });

  it('jump by the index of a table, to what that holds by then', () => {
    const source = `again: inc %ecx\nimul $0x343fd, %ecx, %eax\nshr $13, %eax\nand $7, %eax\njmp *0x30000(,%eax,4)
      add $1, %ebx\njmp again\nadd $20, %ebx\njmp again\nadd $30, %ebx\nimul $3, %ebx, %ebx\njmp again\nadd $40, %ebx\nrol $3, %ebx\njmp again`;
    const places = [1, 20, 30, 40].map((value) => codeAt + Buffer.from(assemble(source)).indexOf(Uint8Array.of(0x83, 0xc3, value)));
    const fill = ({ physical }: Machine, turn: number): void => {
      for (let i = 0; i < 8; i++) physical.write32(0x3_0000 + 4 * i, places[(i * 3 + turn) % 4]!);
    };
    const [jit, interpreter] = [machineWith(source, 'jit', { keepCode: true }), machineWith(source, 'interpreter')];
    for (let turn = 0; turn < 8; turn++) {
      for (const machine of [jit, interpreter]) {
        fill(machine, turn >> 1);
        for (let i = 0; i < 5; i++) machine.cpu.run(budget + turn);
      }
      expect(Array.from(jit.cpu.regs), `turn ${turn}`).toEqual(Array.from(interpreter.cpu.regs));
    }
    const tables = jit.cpu.regions().filter(({ module }) => Buffer.from(module).includes(Buffer.of(0x0e, 8)));
    expect(tables.length).toBeGreaterThan(0);
  });

  it.each([['b', 'al', 'bl'], ['w', 'ax', 'bx'], ['l', 'eax', 'ebx']])('take every condition on a difference (%s) for what it is', (size, left, right) => {
    const jumps = ['o', 'c', 'z', 'be', 's', 'p', 'l', 'le'].flatMap((code) => [code, `n${code}`]);
    // the interpreter's fused pairs know of differences, too: the reference does not. Behind each comparison the flags are asked for twice, the second time behind an instruction that changes some of them
    const all = jumps.map((code, i) => `cmp${size} %${right}, %${left}\nj${code} yes${i}\nadd $${i + 3}, %edx\nyes${i}: rol $3, %edx
      cmp${size} $-3, %${left}\nset${code} %cl\nadd %ecx, %edx\nsub${size} %${left}, (%edi)\nset${code} %cl\nadd %ecx, %edx
      cmp${size} %${left}, %${right}\n${i % 2 === 0 ? 'stc' : 'inc %esi'}\ncmov${code} %ebx, %esi\nadd %esi, %edx`).join('\n');
    compare(`again: imul $0x343fd, %ebp, %ebp\nadd $0x269ec3, %ebp\nmov %ebp, %eax\nrol $7, %eax\nmov %eax, %ebx\nsar $9, %ebx\nand $3, %esi
      mov $0x20000, %edi\nxor %ecx, %ecx\ntest $0x100, %ebp\njz on\nmov %eax, %ebx\non: ${all}\njmp again`, 20, undefined, 'reference');
  });

  it('call routines that are too long to be taken in, and each other deeper than they may', () => {
    const long = (name: string, number: number): string => `${name}: ${`add $${number}, %eax\nrol $3, %eax\n`.repeat(50)}ret\n`;
    compare(`again: call first\ncall second\ncall first\nmov $300, %ecx\ncall deep\njmp again
      ${long('first', 3)}${long('second', 5)}
      deep: dec %ecx\njz up\nadd %ecx, %ebx\n${'xor %eax, %ebx\nrol $1, %ebx\n'.repeat(40)}call deep\ninc %edx\nup: ret`);
  });

  it.each([0x1_2000, 0x7_5000, 0x6f_0000])('find each other %i bytes away', (distance) => {
    const tail = `${'add $3, %eax\nrol $3, %eax\n'.repeat(40)}ret\n`;
    const near = `again: inc %ecx\ncall . + ${distance}\ncall . + ${distance + 0x100}\nadd %eax, %edx\njmp again\n`;
    const machine = flatMachine(near, 0x8_0000, { physicalBytes: 8 << 20, engine: 'jit', jit: { hotAfter: 1 } });
    const { cpu, physical } = machine;
    const [first, second] = [codeAt + 1 + distance, codeAt + 6 + distance + 0x100];
    // one is taken in if it is near enough, the other is too long for that
    physical.write(first, assemble('mov (%esp), %ebx\nret'));
    physical.write(second, assemble(tail));
    for (let i = 0; i < 20; i++) cpu.run(budget);
    const before = cpu.statistics;
    for (let i = 0; i < 20; i++) cpu.run(budget);
    const { instructions, regions } = cpu.statistics;
    expect(cpu.regs[Register.ebx]).toBe(codeAt + 6);
    expect(instructions.regions - before.instructions.regions).toBeGreaterThan(19 * budget);
    // at the beginnings of slices, and where one was made anew
    expect(regions.entered - before.regions.entered).toBeGreaterThan(0);
    expect(regions.entered - before.regions.entered).toBeLessThan(20 * budget / 2000);
  });

  it('guess where indirect calls and jumps go, when these are few, and find others', () => {
    for (const targets of [2, 5, 40]) {
      const marker = (i: number): number => 0x0101_0100 + i;
      const routines = Array.from({ length: targets }, (_, i) => `add $${marker(i)}, %ebx\nrol $${1 + (i % 30)}, %ebx\nret\n`);
      const source = `again: inc %esi\ncmp $${targets}, %esi\njb inside\nxor %esi, %esi
        inside: mov 0x30000(,%esi,4), %eax\ncall *%eax\nadd %ebx, %edx\ntest $7, %edx\njnz again\nmov 0x30000, %ecx\ncall *%ecx\njmp again\n${routines.join('')}`;
      const bytes = Buffer.from(assemble(source));
      const { cpu } = compare(source, 30, ({ physical }) => {
        for (let i = 0; i < targets; i++) {
          const addition = Buffer.alloc(6);
          addition.writeUInt16LE(0xc381);
          addition.writeUInt32LE(marker(i), 2);
          physical.write32(0x3_0000 + 4 * i, codeAt + bytes.indexOf(addition));
        }
      });
      expect(cpu.statistics.regions.compiled).toBeGreaterThan(0);
    }
  });

  it('end like the interpreter when an indirect jump goes where no memory is', () => {
    const source = `again: inc %ecx\nmov $${codeAt}, %eax\ncmp $3000000, %ecx\njb on\nmov $-1, %eax\non: jmp *%eax`;
    const [jit, interpreter] = [machineWith(source), machineWith(source, 'interpreter')];
    for (const { cpu } of [jit, interpreter]) {
      let { reason } = cpu.run(budget);
      for (let i = 0; i < 100 && reason === ExitReason.budget; i++) ({ reason } = cpu.run(budget));
      expect(reason).toBe(ExitReason.shutdown);
    }
    expect(jit.cpu.statistics.regions.compiled).toBeGreaterThan(0);
    expect([jit.cpu.retired, ...jit.cpu.regs]).toEqual([interpreter.cpu.retired, ...interpreter.cpu.regs]);
  });

  it('keep the x87 in locals, wherever its stack is, whatever its control word says', () => {
    const program = `fninit\nfld1\nfldl 0x20010\nagain: fldl 0x20000\nfmul %st(1), %st\nfadd %st(2), %st\nfstpl 0x20020\nfld %st(0)\nfaddl 0x20020\nfstp %st(1)
      fldl 0x20018\nfmulp %st, %st(1)\ninc %ecx\ntest $0xfff, %ecx\njnz again\nffree %st(5)\nfincstp\nfld1\nfxch\nfstp %st(2)\nfnstsw %ax\nmov %eax, %edx
      xorw $0xc00, 0x20030\nfldcw 0x20030\njmp again`;
    const { cpu } = compare(program, 30, ({ physical }) => {
      const doubles = new Float64Array([1.1, 0, 0.3, 0.9, 0]);
      physical.write(0x2_0000, new Uint8Array(doubles.buffer));
      physical.write16(0x2_0030, 0x37f);
    });
    expect(cpu.statistics.regions.compiled).toBeGreaterThan(0);
  });

  it('compute in SSE2, before and after the first result that is not exact', () => {
    compare(`movsd 0x20000, %xmm0\nagain: movsd 0x20008, %xmm1\naddsd %xmm1, %xmm0\nmovapd %xmm0, %xmm2\nmulsd 0x20010, %xmm2\nmovsd %xmm2, 0x20020
      inc %ecx\ntest $0x1ffff, %ecx\njnz again\nmovsd 0x20018, %xmm1\naddsd %xmm1, %xmm0\nstmxcsr 0x20030\nxor 0x20030, %edx\njmp again`, 40, ({ cpu, physical }) => {
      cpu.cr4 = Cr4.osfxsr;
      physical.write(0x2_0000, new Uint8Array(new Float64Array([1, 2, 4, 0.1]).buffer));
    });
  });

  it('translate accesses near each other one by one where the pages below them are not neighbours', () => {
    const machines = [machineWith('', 'jit'), machineWith('', 'interpreter')] as const;
    // a frame of 64 bytes across two pages that change places every so often
    const code = assemble(`again: mov %ecx, -8(%ebp)\nmov -8(%ebp), %eax\nadd %eax, 24(%ebp)\nmov 24(%ebp), %edx\nrol $3, %edx\nmov %edx, -16(%ebp)\nadd -16(%ebp), %ebx\ninc %ecx\njmp again`);
    for (const { cpu, physical } of machines) {
      physical.write(codeAt, code);
      for (let page = 0; page < 64; page++) physical.write32(0x5000 + 4 * page, (page << 12) | 7);
      physical.write32(0x4000, 0x5007);
      physical.write32(0x5000 + 4 * 0x21, (0x30 << 12) | 7);
      physical.write32(0x5000 + 4 * 0x22, (0x2f << 12) | 7);
      cpu.cr3 = 0x4000;
      cpu.cr0 = Cr0.pe | Cr0.et | Cr0.pg;
      cpu.regs[Register.ebp] = 0x2_2000;
    }
    const [jit, interpreter] = machines;
    for (let i = 0; i < 60; i++) {
      for (const { cpu } of machines) expect(cpu.run(budget).reason).toBe(ExitReason.budget);
      expect([...jit.cpu.regs]).toEqual([...interpreter.cpu.regs]);
    }
    expect(Buffer.compare(jit.physical.bytes, interpreter.physical.bytes)).toBe(0);
    // made with a window, made anew without
    expect(jit.cpu.statistics.regions.dropped).toBeGreaterThan(0);
  });

  it.each([
    ['with a window', 'add 4(%eax), %ebx\nmov (%eax), %eax', {}],
    ['without windows', 'add 4(%eax), %ebx\nmov (%eax), %eax', { windows: false }],
    ['with nothing but links', 'mov 4(%eax), %eax\nxor %eax, %ebx\nrol $1, %ebx', {}],
  ])('follow a list through pages that lie in memory in another order, %s', (_, step, options) => {
    const [jit, interpreter] = [machineWith('', 'jit', options), machineWith('', 'interpreter')];
    const [pages, nodes] = [16, 97];
    const placeOf = (node: number): number => 0x2_0000 + (node * 0x2a8) % (pages * 0x1000);
    for (const { cpu, physical } of [jit, interpreter]) {
      physical.write(codeAt, assemble(`again: ${step}\njmp again`));
      const mapped = (page: number): number => (page >>> 4 === 2 ? (page & ~15) + ((page * 7) & 15) : page);
      for (let page = 0; page < 64; page++) physical.write32(0x5000 + 4 * page, (mapped(page) << 12) | 7);
      physical.write32(0x4000, 0x5007);
      for (let node = 0; node < nodes; node++) {
        const at = (mapped(placeOf(node) >>> 12) << 12) | (placeOf(node) & 0xfff);
        for (const word of [0, 4]) physical.write32(at + word, placeOf((node + 1) % nodes));
      }
      cpu.cr3 = 0x4000;
      cpu.cr0 = Cr0.pe | Cr0.et | Cr0.pg;
      cpu.regs[Register.eax] = placeOf(0);
    }
    for (let i = 0; i < 10; i++) {
      for (const { cpu } of [jit, interpreter]) expect(cpu.run(budget).reason).toBe(ExitReason.budget);
      expect([...jit.cpu.regs]).toEqual([...interpreter.cpu.regs]);
    }
    expect(jit.cpu.statistics.instructions.regions).toBeGreaterThan(budget);
  });

  it('are made where the owner is asked every thousand instructions', () => {
    const machine = flatMachine('again: mov $300, %ecx\nnext: add %ecx, %eax\nrol $3, %eax\nloop next\nout %al, $0x10\njmp again', 0x8_0000, {
      physicalBytes: 1 << 20, engine: 'jit', jit: { hotAfter: 1 }, ports: { read: () => 0, write: () => machine.cpu.kick() },
    });
    for (let i = 0; i < 300; i++) expect(machine.cpu.run(budget).reason).toBe(ExitReason.kick);
    const { instructions } = machine.cpu.statistics;
    expect(instructions.regions).toBeGreaterThan(machine.cpu.retired / 2);
  });

  it('leave for what they do not have, and come back', () => {
    compare('again: pushf\npop %eax\ncpuid\nshl $3, %ebx\nadc %ecx, %edx\ndec %esi\njnz again\nmov $100, %esi\njmp again');
  });

  it('can be looked at', () => {
    const source = 'again: inc %eax\ncall other\ncmp $1000, %ebx\njne again\nxor %ebx, %ebx\njmp again\nother: inc %ebx\nret';
    expect(compare(source, 4).cpu.regions()).toEqual([]);
    const { cpu, physical } = machineWith(source, 'jit', { keepCode: true });
    cpu.run(budget);
    const regions = cpu.regions();
    expect(regions.length).toBe(cpu.statistics.regions.live);
    const { blocks, module, user } = regions.find(({ linear }) => linear === codeAt)!;
    expect(user).toBe(false);
    expect(WebAssembly.validate(module as Uint8Array<ArrayBuffer>)).toBe(true);
    expect(blocks[0]!.linear).toBe(codeAt);
    // the routine is part of it
    expect(blocks.map(({ linear }) => linear)).toContain(codeAt + assemble(source).length - 2);
    for (const { linear, bytes } of blocks) expect([...bytes]).toEqual([...physical.bytes.subarray(linear, linear + bytes.length)]);
  });

  it('leave out what has never happened, until it does', () => {
    const source = `again: inc %eax\ncmp 0x20000, %eax\njae seldom\nadd %eax, %ebx\nmov $3, %ecx\nmore: dec %ecx\njnz more\njmp again
      seldom: xor %eax, %eax\ninc %edx\njmp again`;
    const machine = machineWith(source, 'jit', { keepCode: true });
    const { cpu, physical } = machine;
    const seldom = codeAt + Buffer.from(assemble(source)).lastIndexOf(Uint8Array.of(0x31, 0xc0));
    const isIn = (): boolean => cpu.regions().some(({ blocks }) => blocks.some(({ linear, bytes }) => seldom >= linear && seldom < linear + bytes.length));
    physical.write32(0x2_0000, 0xffff_ffff);
    for (let i = 0; i < 10; i++) cpu.run(budget);
    expect(cpu.statistics.regions.live).toBeGreaterThan(0);
    expect(isIn()).toBe(false);
    physical.write32(0x2_0000, 2);
    cpu.regs[Register.eax] = 0;
    for (let i = 0; i < 40; i++) cpu.run(budget);
    expect(isIn()).toBe(true);
    expect(cpu.regs[Register.edx]).toBeGreaterThan(0);
    const before = cpu.statistics;
    for (let i = 0; i < 10; i++) cpu.run(budget);
    const { instructions, regions } = cpu.statistics;
    expect(instructions.regions - before.instructions.regions).toBeGreaterThan(9 * budget);
    expect(regions.entered - before.regions.entered).toBeLessThan(budget / 20);
  });

  it('go when their code changes', () => {
    const machine = machineWith('again: add $1, %eax\njmp again');
    const { cpu, physical } = machine;
    cpu.run(budget);
    const { compiled } = cpu.statistics.regions;
    expect(compiled).toBeGreaterThan(0);
    expect(cpu.regs[Register.eax]).toBe(budget / 2);
    physical.write8(codeAt + 2, 3);
    expect(cpu.statistics.regions.dropped).toBe(compiled);
    cpu.run(budget);
    expect(cpu.regs[Register.eax]).toBe((budget / 2) * 4);
  });

  it('go when their code changes in the page into which they run on', () => {
    // the page ends between two instructions of a straight piece
    const source = `jmp again\n${'nop\n'.repeat(0xff0 - 5)}again: ${'inc %eax\n'.repeat(0x10)}add $1, %ebx\njmp again`;
    const [jit, interpreter] = [machineWith(source), machineWith(source, 'interpreter')];
    const inNextPage = codeAt + 0x1002;
    for (let i = 0; i < 20; i++) {
      for (const { cpu } of [jit, interpreter]) expect(cpu.run(budget).reason).toBe(ExitReason.budget);
      expect([...jit.cpu.regs]).toEqual([...interpreter.cpu.regs]);
      for (const { physical } of [jit, interpreter]) physical.write8(inNextPage, 2 + i);
    }
    expect(jit.cpu.statistics.regions.dropped).toBeGreaterThan(5);
  });

  it('are given up when their code changes while they are being made', () => {
    const { cpu, physical } = machineWith('again: add $1, %eax\njmp again');
    for (let i = 0; i < 50; i++) {
      physical.write8(codeAt + 2, 1);
      // a step of several
      cpu.run(2000);
    }
    expect(cpu.statistics.regions.compiled).toBe(0);
    cpu.run(budget);
    expect(cpu.statistics.regions.compiled).toBe(1);
  });

  it('are given up when code changes that only they have looked at', () => {
    const source = 'again: add $1, %eax\ntest $0x7fff, %eax\njz rare\njmp again\n' + 'nop\n'.repeat(100) + 'rare: add $1, %ecx\njmp again';
    const machine = machineWith(source);
    const { cpu, physical } = machine;
    // it is being made now
    cpu.run(9000);
    physical.write8(codeAt + assemble(source).length - 3, 5);
    cpu.run(budget);
    expect(cpu.statistics.regions.compiled).toBeGreaterThan(0);
    expect(cpu.regs[Register.ecx]).toBe(5);
  });

  it('are made although translations go in the meantime', () => {
    // the other page is executed once: afterwards nobody looks it up again
    const source = `jmp other\nagain: add $1, %eax\ntest %ecx, %ecx\njnz other\njmp again\n${'nop\n'.repeat(4096)}other: xor %ecx, %ecx\njmp again`;
    const { cpu, physical } = machineWith(source, 'jit', { keepCode: true });
    for (let i = 0; i < 10; i++) {
      cpu.run(2000);
      cpu.flushTlb();
    }
    const { blocks } = cpu.regions()[0]!;
    expect(blocks.some(({ linear }) => linear > codeAt + 4096)).toBe(true);
    for (const { linear, bytes } of blocks) expect([...bytes]).toEqual([...physical.bytes.subarray(linear, linear + bytes.length)]);
  });

  it('are made ever more seldom where code keeps changing', () => {
    const { cpu, physical } = machineWith('again: add $1, %eax\njmp again');
    const compiledIn = (changes: number): number => {
      const before = cpu.statistics.regions.compiled;
      for (let i = 0; i < changes; i++) {
        physical.write8(codeAt + 2, 1);
        cpu.run(40_000);
      }
      return cpu.statistics.regions.compiled - before;
    };
    expect(compiledIn(8)).toBe(8);
    compiledIn(100);
    expect(compiledIn(100)).toBeLessThan(10);
    // and yet, when it changes no more
    cpu.run(50 * budget);
    expect(cpu.statistics.regions.live).toBe(1);
  });

  it('go when they have too many bytes', () => {
    const source = Array.from({ length: 20 }, (_, i) => `loop${i}: inc %eax\ncmp $10000, %eax\njne loop${i}\nxor %eax, %eax`).join('\n');
    const { cpu } = machineWith(`${source}\njmp loop0`, 'jit', { maxBytes: 5000, maxInstructions: 10 });
    let live = 0;
    for (let i = 0; i < 100; i++) {
      cpu.run(budget);
      live = Math.max(live, cpu.statistics.regions.live);
    }
    const { evictions, bytes, compiled } = cpu.statistics.regions;
    expect(evictions).toBeGreaterThan(2);
    expect(live * (bytes / compiled)).toBeLessThan(5000 + 2 * (bytes / compiled));
  });

  it('stay as they are when others have too many bytes, if they are used more', () => {
    const main = 'again: mov $3000, %ecx\nhot: add %ecx, %eax\nrol $3, %eax\ndec %ecx\njnz hot\nmov $200, %ecx\ncall *%edx\njmp again';
    const routines = Array.from({ length: 40 }, (_, i) => `cold: add $${i + 2}, %ebx\nrol $5, %ebx\ndec %ecx\njnz cold\nret`);
    const [jit, interpreter] = [machineWith(main, 'jit', { maxBytes: 6000, guesses: false, keepCode: true }), machineWith(main, 'interpreter')];
    const hotAt = codeAt + assemble('mov $3000, %ecx').length;
    const moduleOfHot = (): Uint8Array | undefined => jit.cpu.regions().find(({ linear }) => linear === hotAt)?.module;
    let first: Uint8Array | undefined;
    routines.forEach((routine, i) => {
      const at = codeAt + 0x1000 + 0x40 * i;
      const { regions } = jit.cpu.statistics.instructions;
      for (const { cpu, physical } of [jit, interpreter]) {
        physical.write(at, assemble(routine));
        cpu.regs[Register.edx] = at;
        cpu.run(budget);
      }
      expect([jit.cpu.eip, jit.cpu.retired, ...jit.cpu.regs]).toEqual([interpreter.cpu.eip, interpreter.cpu.retired, ...interpreter.cpu.regs]);
      first ??= moduleOfHot();
      if (i > 0) expect((jit.cpu.statistics.instructions.regions - regions) / budget).toBeGreaterThan(0.5);
    });
    expect(first).toBeDefined();
    expect(moduleOfHot()).toBe(first);
    expect(jit.cpu.statistics.regions.evictions).toBeGreaterThan(2);
  });

  it('go, and with them what the host keeps of them, hundreds of times', () => {
    const source = 'again: add $1, %eax\nrol $1, %eax\njmp again';
    const [jit, interpreter] = [machineWith(source), machineWith(source, 'interpreter')];
    for (let i = 0; i < 800; i++) {
      // a page that changes often would get none any more
      const at = codeAt + ((i % 128) << 12);
      for (const { cpu, physical } of [jit, interpreter]) {
        physical.write(at, assemble(source));
        physical.write8(at + 2, i);
        cpu.eip = at;
        cpu.run(40_000);
      }
      expect(jit.cpu.regs[Register.eax]).toBe(interpreter.cpu.regs[Register.eax]);
    }
    const { compiled, dropped } = jit.cpu.statistics.regions;
    expect(dropped).toBeGreaterThan(512);
    expect(compiled).toBeGreaterThan(512);
  });

  it('go when they change themselves', () => {
    // the immediate of the first instruction grows every 256 rounds
    compare('again: add $1, %eax\ninc %ecx\ntest $0xff, %ecx\njnz again\nincb 0x1002\njmp again', 12);
  });
});

describe('structured control flow', () => {
  /** Writes a graph down, and walks it as WebAssembly would. */
  function walk(successors: readonly (readonly number[])[], choices: readonly number[]): number[] {
    type Jump = { readonly label: object };
    const visited: number[] = [];
    let choice = 0;
    let running: (() => void)[] = [];
    const fill = (inside: (() => void)[], body: () => void): void => {
      const outer = running;
      running = inside;
      body();
      running = outer;
    };
    const part = (body: () => void): (() => void)[] => {
      const inside: (() => void)[] = [];
      fill(inside, body);
      return inside;
    };
    const execute = (steps: readonly (() => void)[]): void => {
      for (const step of steps) step();
    };
    const catching = (label: object, body: () => void): boolean => {
      try {
        body();
        return false;
      } catch (jump) {
        if ((jump as Jump).label !== label) throw jump;
        return true;
      }
    };
    const done = {};
    const steps = emitStructured(successors, {
      hole: () => {
        const inside: (() => void)[] = [];
        running.push(() => execute(inside));
        return (body) => fill(inside, body);
      },
      loop: (body) => {
        const label = {};
        const inside = part(() => body(() => { running.push(() => { throw { label }; }); }));
        running.push(() => { while (catching(label, () => execute(inside))); });
      },
      block: (body) => {
        const label = {};
        const inside = part(() => body(() => { running.push(() => { throw { label }; }); }));
        running.push(() => { catching(label, () => execute(inside)); });
      },
      code: (node, goTo) => {
        running.push(() => {
          visited.push(node);
          if (choice === choices.length) throw { label: done };
        });
        const ways = successors[node]!.map((next) => part(() => {
          if (!goTo(next)) running.push(() => { throw { label: done }; });
        }));
        running.push(() => {
          const way = ways[choices[choice++]! % Math.max(1, ways.length)];
          if (way === undefined) throw { label: done };
          execute(way);
        });
      },
    });
    while (!steps.next().done);
    catching(done, () => execute(running));
    return visited;
  }

  it.each([
    ['a diamond', [[1, 2], [3], [3], []], [1, 0, 0], [0, 2, 3]],
    ['a loop in a loop', [[1], [2], [2, 3], [1, 4], []], [0, 0, 0, 1, 0, 0, 1, 1], [0, 1, 2, 2, 3, 1, 2, 3, 4]],
    ['both ways to the same place', [[1, 1], [0]], [1, 0, 0], [0, 1, 0, 1]],
    ['merges behind each other', [[1, 2], [3, 4], [3, 4], [4], [5], [0]], [0, 1, 0, 0, 1, 0, 0, 0], [0, 1, 4, 5, 0, 2, 3, 4, 5]],
  ] as const)('of %s', (_, graph, choices, expected) => {
    expect(walk(graph, choices)).toEqual(expected);
  });

  it('leaves at an edge into the middle of a loop', () => {
    // 1 and 2 form a loop with two entries
    expect(walk([[1, 2], [2], [1]], [0, 0, 0, 0])).toEqual([0, 1, 2]);
  });
});
