/*
 * Compressed files, archives and a patch for the applets that take them apart, made by programs of this machine.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

/** What makeArchives() gives: `xz` and `lzma` only where there is an xz. */
export interface Archives {
  gz: Uint8Array;
  bz: Uint8Array;
  xz?: Uint8Array;
  lzma?: Uint8Array;
  tar: Uint8Array;
  cpio: Uint8Array;
  patch: Uint8Array;
}

/** Pack some of the files: `binary`, `text`, `small`, `table`, `edited`. */
export function makeArchives(busybox: string, files: Readonly<Record<string, Uint8Array>>): Archives {
  const cwd = mkdtempSync(join(tmpdir(), 'x86-archives-'));
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(cwd, name), bytes);
  const run = (program: string, args: readonly string[], input = ''): Uint8Array | undefined => {
    const { stdout, error } = spawnSync(program, args, { cwd, input, maxBuffer: 1 << 24 });
    return error ? undefined : stdout;
  };
  const box = (args: string, input = ''): Uint8Array => run(busybox, args.split(' '), input) ?? new Uint8Array(0);
  const xz = run('xz', ['-c', '--check=crc32', 'binary']);
  const lzma = run('xz', ['-c', '--format=lzma', 'text']);
  const archives: Archives = {
    gz: gzipSync(files['binary']!), bz: box('bzip2 -c binary'), tar: box('tar cf - small table'), cpio: box('cpio -o -H newc', 'small\ntable\n'),
    patch: box('diff -u small edited'), ...(xz && { xz }), ...(lzma && { lzma }),
  };
  rmSync(cwd, { recursive: true });
  return archives;
}
