/*
 * Both grammars of the command line.
 */
import { describe, expect, it } from 'vitest';
import { parseArguments } from './arguments.js';
import { parseBlock, parseMemory, type RunRequest } from './request.js';

const MIB = 1 << 20;

function parse(...argv: string[]) {
  let out = '';
  let error = '';
  const parsed = parseArguments(argv, { out: (text) => { out += text; }, error: (text) => { error += text; } });
  return { parsed, out, error };
}

function request(...argv: string[]): RunRequest {
  const { parsed, error } = parse(...argv);
  if (!('run' in parsed)) throw new Error(`status ${parsed.status}: ${error}`);
  return parsed.run;
}

describe('lguest run', () => {
  it('boots the built-in Guest without a kernel', () => {
    expect(request('run')).toEqual({
      kernel: undefined, kernelArguments: [], memory: 64 * MIB, initrd: undefined, blocks: [], rng: false, cpu: 'default', engine: 'auto',
      jit: undefined, directTraps: true, stats: undefined, trace: undefined, profile: undefined, symbols: undefined, dumpRegions: undefined, expect: undefined, timeout: undefined, virtualTime: false,
      verbose: false,
    });
  });

  it('takes all its options', () => {
    const made = request(
      'run', '--memory', '128M', '--initrd', 'i.gz', '--block', 'a.img', '--block=b,c.img,ro', '--block', 'd.img,overlay', '--rng',
      '--cpu', 'pentium3', '--engine', 'reference', '--jit', 'windows=off,hotAfter=3', '--jit', 'links=on', '--lockstep', '--no-direct-traps', '--stats', '-', '--trace', 't', '--profile', 'p.json', '--symbols', 'System.map', '--dump-regions', 'd', '--expect', 'login:', '--timeout', '2.5',
      '--virtual-time', '-v', 'vmlinux', '--', 'console=hvc0', '--memory', 'x',
    );
    expect(made).toEqual({
      kernel: 'vmlinux', kernelArguments: ['console=hvc0', '--memory', 'x'], memory: 128 * MIB, initrd: 'i.gz',
      blocks: [
        { path: 'a.img', mode: 'read-write' }, { path: 'b,c.img', mode: 'read-only' }, { path: 'd.img', mode: 'overlay' },
      ],
      rng: true, cpu: 'pentium3', engine: 'reference', jit: { windows: false, hotAfter: 3, links: true, lockstep: true, keepCode: true }, directTraps: false, stats: '-', trace: 't', profile: 'p.json', symbols: 'System.map', dumpRegions: 'd', expect: 'login:', timeout: 2.5,
      virtualTime: true, verbose: true,
    });
  });

  it('takes options after the kernel, and arguments without a kernel', () => {
    expect(request('run', 'vmlinux', '--memory', '32M').memory).toBe(32 * MIB);
    const made = request('run', '--rng', '--', 'quiet');
    expect([made.kernel, made.kernelArguments, made.rng]).toEqual([undefined, ['quiet'], true]);
  });

  it.each<[string[], string]>([
    [['run', '--memory', 'lots'], 'no memory size'],
    [['run', '--memory', '1M'], 'out of range'],
    [['run', '--memory', '5000G'], 'out of range'],
    [['run', '--engine', 'quantum'], 'reference, interpreter, jit, auto'],
    [['run', '--jit', 'windows=maybe'], 'windows is on or off'],
    [['run', '--jit', 'magic=on'], 'jit.magic is no option'],
    [['run', '--jit', 'maxRegions=many'], 'jit.maxRegions is NaN'],
    [['run', '--cpu', '8086'], '486, pentium, i686, pentium3, default'],
    [['run', '--timeout', '-1'], 'above 0'],
    [['run', '--timeout', 'soon'], 'above 0'],
    [['run', '--blok', 'x'], 'unknown option'],
    [['run', 'vmlinux', 'console=hvc0'], 'Kernel arguments come after "--"'],
    [['run', '--block'], 'argument missing'],
  ])('refuses %j', (argv, sentence) => {
    const { parsed, error } = parse(...argv);
    expect(parsed).toEqual({ status: 2 });
    expect(error).toContain(sentence);
  });

  it('helps', () => {
    const { parsed, out } = parse('run', '--help');
    expect(parsed).toEqual({ status: 0 });
    for (const word of ['--virtual-time', '--expect', '101', 'Ctrl-A x']) expect(out).toContain(word);
  });
});

describe('lguest\'s own grammar', () => {
  it('is unchanged', () => {
    const made = request('--verbose', '--block=a.img', '--block=b.img', '--initrd=i.gz', '--rng', '64', 'vmlinux', 'root=/dev/vda', '--block=x', '-v');
    expect(made).toMatchObject({
      kernel: 'vmlinux', kernelArguments: ['root=/dev/vda', '--block=x', '-v'], memory: 64 * MIB, initrd: 'i.gz', rng: true, verbose: true,
      blocks: [{ path: 'a.img', mode: 'read-write' }, { path: 'b.img', mode: 'read-write' }],
    });
  });

  it('takes the kernel\'s arguments as they are', () => {
    expect(request('32', 'vmlinux', '--', 'a').kernelArguments).toContain('a');
    expect(request('32', 'vmlinux', 'run').kernelArguments).toEqual(['run']);
  });

  it.each<[string[], string]>([
    [[], 'Usage: lguest'],
    [['vmlinux'], 'neither "run" nor a number of MiB'],
    [['64'], 'the kernel to boot is missing'],
    [['--verbose'], 'what shall be booted'],
    [['1', 'vmlinux'], 'out of range'],
    [['--tunnet=x', '64', 'vmlinux'], 'unknown option'],
  ])('refuses %j', (argv, sentence) => {
    const { parsed, error } = parse(...argv);
    expect(parsed).toEqual({ status: 2 });
    expect(error).toContain(sentence);
  });

  it('helps', () => {
    const { parsed, out } = parse('--help');
    expect(parsed).toEqual({ status: 0 });
    expect(out).toContain('<MiB> <vmlinux>');
  });
});

describe('words of the command line', () => {
  it.each([['128M', 128 * MIB], ['1G', 1024 * MIB], ['65536K', 64 * MIB], ['64', 64 * MIB], ['64MiB', 64 * MIB], ['2gb', 2048 * MIB]])('%s is a size', (text, bytes) => {
    expect(parseMemory(text)).toBe(bytes);
  });
  it.each(['', 'M', '1.5G', '-1', '1T', '0x10'])('%j is none', (text) => {
    expect(parseMemory(text)).toBeUndefined();
  });
  it('only the last word after a comma is a mode', () => {
    expect(parseBlock('a,ro,overlay')).toEqual({ path: 'a,ro', mode: 'overlay' });
    expect(parseBlock(',ro')).toEqual({ path: ',ro', mode: 'read-write' });
    expect(parseBlock('a,rw')).toEqual({ path: 'a,rw', mode: 'read-write' });
  });
});
